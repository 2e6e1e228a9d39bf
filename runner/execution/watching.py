"""Orders that wait for a price because nothing of them can rest at the exchange."""

from __future__ import annotations

from functools import partial

from runner.execution.changing import Way
from runner.execution.journal.orders import stop_watching
from runner.execution.journal.standing import Standing


async def watch(way: Way, standing: Standing) -> None:
    """Let go of what was watched for a price that is there now."""
    watched = [
        order
        for orders in standing.orders.values()
        for order in orders
        if order.watch_price is not None and not order.cancel_wanted
    ]
    for order in watched:
        price = await way.broker.last_price(order.symbol)
        better = int(order.side) * ((order.watch_price or price) - price)
        if (better <= 0) if order.stop_price is not None else (better >= 0):
            await way.write(partial(stop_watching, order_id=order.client_order_id))
