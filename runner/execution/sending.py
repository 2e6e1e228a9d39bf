"""From an order of the journal to its request, and from a broker's answer to what it means."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import Enum

from robotrader_sdk.types import OrderType
from runner.execution.broker import Broker, OrderListRequest, OrderReport, OrderRequest
from runner.execution.errors import (
    DuplicateOrderError,
    OrderMissingError,
    OrderRefusedError,
    UnknownOutcomeError,
    WouldTriggerError,
)
from runner.execution.identity import Purpose
from runner.execution.journal.tables import OrderRow
from runner.execution.points import reach
from runner.execution.protection import PASSED


class Answer(Enum):
    """What a broker's answer comes to."""

    TAKEN = "taken"
    REFUSED = "refused"
    PASSED = "passed"  # a stop that should be a market order by now
    MISSED = "missed"  # not sent: what it was to replace is not there
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of sending: reports by client order id where it was taken."""

    answer: Answer
    reason: str = ""
    reports: dict[str, OrderReport] = field(default_factory=dict)


def request_of(order: OrderRow) -> OrderRequest:
    """What the exchange is asked."""
    return OrderRequest(
        client_order_id=order.client_order_id,
        symbol=order.symbol,
        side=order.side,
        type=order.type,
        quantity=order.quantity,
        cost=order.cost,
        limit_price=order.limit_price,
        stop_price=order.stop_price,
        reduce_only=order.reduce_only,
    )


def group_of(order: OrderRow, orders: Sequence[OrderRow]) -> list[OrderRow]:
    """An order and, if it is of an order list, the other one, as far as it is among the orders."""
    return [o for o in orders if o is order or (order.list_id and o.list_id == order.list_id)]


async def send(broker: Broker, orders: Sequence[OrderRow]) -> Outcome:
    """Send one order, or the two of an order list, once."""
    reach("before submit")
    try:
        reports = await _submit(broker, orders)
    except UnknownOutcomeError as error:
        return Outcome(Answer.UNKNOWN, str(error))
    except DuplicateOrderError as error:
        return Outcome(Answer.UNKNOWN, str(error))  # it is there: whatever it is, look
    except OrderMissingError as error:
        return Outcome(Answer.MISSED, str(error))
    except WouldTriggerError as error:
        return Outcome(Answer.PASSED, f"{PASSED}: {error}")
    except OrderRefusedError as error:
        return Outcome(Answer.REFUSED, str(error))
    reach("after submit")
    return Outcome(Answer.TAKEN, reports={report.client_order_id: report for report in reports})


async def _submit(broker: Broker, orders: Sequence[OrderRow]) -> Sequence[OrderReport]:
    if len(orders) == 1 and orders[0].replaces:
        return [await broker.replace(orders[0].replaces, request_of(orders[0]))]
    if len(orders) == 1:
        return [await broker.submit(request_of(orders[0]))]
    target = next(order for order in orders if order.purpose is Purpose.TAKE_PROFIT)
    stop = next(order for order in orders if order is not target)
    return await broker.submit_list(
        OrderListRequest(
            client_list_id=str(target.list_id),
            take_profit=request_of(target),
            stop=request_of(stop),
        )
    )


def is_trigger(order: OrderRow) -> bool:
    """Whether an order is a stop of some kind."""
    return order.type in (OrderType.STOP, OrderType.STOP_LIMIT)
