"""Where orders are looked for: by their client order id, and all that work, venue by venue."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

from runner.execution.ccxt_errors import ReplyUnreadableError
from runner.execution.ccxt_pages import bybit_rows, windows
from runner.execution.ccxt_reports import client_id_of, time
from runner.execution.ccxt_venues import LookUp, Venue
from runner.execution.identity import OrderIdentity

_BYBIT_PAGE = 50
_BYBIT_WINDOW, _BYBIT_KEPT = timedelta(days=7), timedelta(days=729)
_OVERLAP = timedelta(hours=1)
"""Clocks differ, and a window that begins too early does no harm."""
_COINBASE_PAGE, _MOST_PAGES = 250, 100
_STOPS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "bybit": ({"orderFilter": "StopOrder"},),
    # OKX has two kinds of stops; ccxt's "trigger" alone is the one that does not protect.
    "okx": ({"trigger": True, "ordType": "conditional"}, {"trigger": True}),
}
"""What else is asked where stops are kept apart."""

Step = Callable[[], Awaitable[Sequence[Any]]]
"""One place to look; what it gives are ccxt's orders."""


def places_of(client: Any, symbol: str, client_order_id: str, venue: Venue) -> Iterator[Step]:
    """Where an order may be, the likeliest place first."""
    asked = {venue.asked_id: client_order_id}
    if venue.look_up is LookUp.SEARCH:
        yield _step(_coinbase_orders, client, symbol, client_order_id)
    elif venue.look_up is LookUp.OPEN_THEN_PAST and client.id == "bybit":
        for is_past in (False, True):
            for more in ({}, *_STOPS["bybit"]):
                yield _step(_bybit_orders, client, symbol, {**asked, **more}, is_past)
        yield _step(_older_bybit_orders, client, symbol, client_order_id)
    elif venue.look_up is LookUp.OPEN_THEN_PAST:
        for ask in (client.fetch_open_orders, client.fetch_closed_orders):
            yield _step(ask, symbol, None, None, asked)
    else:
        yield _step(_one, client, symbol, asked)
        if venue.look_up is LookUp.ASK_BOTH:
            yield _step(_one, client, symbol, {**asked, "trigger": True})


def lists_of(client: Any, symbol: str) -> Iterator[Step]:
    """Where the orders are that work, stops included."""
    for more in ({}, *_STOPS.get(client.id, ())):
        if client.id == "bybit":
            yield _step(_bybit_orders, client, symbol, dict(more), False)
        else:
            yield _step(client.fetch_open_orders, symbol, None, None, dict(more))


def by_client_id(orders: Sequence[Any], client_order_id: str) -> Any:
    """The order of that client order id, or None."""
    for order in orders:
        if client_order_id in (order.get("clientOrderId"), client_id_of(order.get("info") or {})):
            return order
    return None


async def _one(client: Any, symbol: str, asked: dict[str, Any]) -> list[Any]:
    return [await client.fetch_order(None, symbol, asked)]


async def _bybit_orders(
    client: Any, symbol: str, asked: dict[str, Any], is_past: bool
) -> list[Any]:
    raw = client.market(symbol)
    ask = client.privateGetV5OrderHistory if is_past else client.privateGetV5OrderRealtime
    category = "linear" if raw.get("linear") else "spot"
    request = {"category": category, "symbol": raw["id"], "limit": _BYBIT_PAGE, **asked}
    rows = [row async for row in bybit_rows(ask, request)]
    orders: list[Any] = client.parse_orders(rows, raw)
    return orders


async def _older_bybit_orders(client: Any, symbol: str, client_order_id: str) -> list[Any]:
    """What became of an order of ours before the last week, from the bar on that it tells.

    https://bybit-exchange.github.io/docs/v5/order/order-list: a request is about 7 days at most,
    and about the last 7 without times; what has filled is kept for 2 years. What has not is kept
    for a day, so that an order which is not found has filled nothing.
    """
    identity = OrderIdentity.read(client_order_id)
    if identity is None:
        return []
    now = time(await client.fetch_time())
    since, until = max(identity.bar - _OVERLAP, now - _BYBIT_KEPT), now - _BYBIT_WINDOW + _OVERLAP
    for start, end in windows(since, until, _BYBIT_WINDOW):
        asked = {"orderLinkId": client_order_id, "startTime": start, "endTime": end}
        if found := await _bybit_orders(client, symbol, asked, True):
            return found
    return []


async def _coinbase_orders(client: Any, symbol: str, client_order_id: str) -> list[Any]:
    asked: dict[str, Any] = {}
    for _ in range(_MOST_PAGES):
        page: list[Any] = await client.fetch_orders(symbol, None, _COINBASE_PAGE, asked)
        cursor = next((o["info"]["cursor"] for o in page if o["info"].get("cursor")), "")
        if by_client_id(page, client_order_id) is not None or not cursor:
            return page
        asked = {"cursor": cursor}
    raise ReplyUnreadableError("a list has no end")


def _step(ask: Callable[..., Awaitable[Sequence[Any]]], *told: Any) -> Step:
    return lambda: ask(*told)
