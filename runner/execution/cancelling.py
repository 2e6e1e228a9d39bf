"""Asking for an order's end."""

from __future__ import annotations

from runner.execution.broker import Broker
from runner.execution.errors import (
    MarketUnknownError,
    OrderMissingError,
    OrderRefusedError,
    UnknownOutcomeError,
)
from runner.execution.journal.tables import OrderRow
from runner.execution.sending import is_trigger


async def cancel(broker: Broker, order: OrderRow) -> bool:
    """Cancel an order; False if it was gone already or nobody knows: its report says which.

    OrderRefusedError if the exchange leaves it where it is, or has taken its market away.
    """
    try:
        await broker.cancel(order.symbol, order.client_order_id, is_trigger=is_trigger(order))
    except (OrderMissingError, UnknownOutcomeError):
        return False
    except MarketUnknownError as error:
        raise OrderRefusedError(str(error)) from error
    return True
