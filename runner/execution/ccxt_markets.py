"""The markets of an exchange, loaded once a process and shared: an instance's take 28 MB."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from difflib import get_close_matches
from typing import Any
from weakref import WeakKeyDictionary

from runner.execution.broker import Market, StopChange
from runner.execution.ccxt_errors import ReplyUnreadableError
from runner.execution.ccxt_reports import number_or_none
from runner.execution.ccxt_venues import Venue
from runner.execution.errors import MarketUnknownError

_COST_STEP = Decimal("1e-8")
"""Where a venue tells none: Binance's quoteAssetPrecision is 8 of all assets."""
_KEPT = timedelta(hours=1)
_TRIED_AGAIN = timedelta(minutes=1)
_SHARED = (
    "markets",
    "markets_by_id",
    "symbols",
    "ids",
    "currencies",
    "currencies_by_id",
    "baseCurrencies",
    "quoteCurrencies",
    "codes",
)


@dataclass(slots=True)
class _Loaded:
    """What `set_markets_from_exchange` takes over, without the client it came from."""

    id: str
    at: datetime
    options: dict[str, Any]
    markets: Any
    markets_by_id: Any
    symbols: Any
    ids: Any
    currencies: Any
    currencies_by_id: Any
    baseCurrencies: Any  # noqa: N815 - ccxt's name
    quoteCurrencies: Any  # noqa: N815 - ccxt's name
    codes: Any


_LOADED: dict[str, _Loaded] = {}
_GIVEN: WeakKeyDictionary[Any, datetime] = WeakKeyDictionary()
"""By client: when the markets that it has were loaded."""
_LOCKS: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[str, asyncio.Lock]] = WeakKeyDictionary()


async def share_markets(client: Any) -> None:
    """Give a client its exchange's markets, loaded by whoever came first, an hour old at most.

    With each new list the clocks are compared, so that signatures stay within what the venue
    accepts.
    """
    place = _place_of(client)
    locks = _LOCKS.setdefault(asyncio.get_running_loop(), {})
    async with locks.setdefault(place, asyncio.Lock()):
        loaded = _LOADED.get(place)
        if loaded is None or datetime.now(UTC) - loaded.at > _KEPT:
            if loaded is not None:
                # If it fails, whoever comes next, to cancel perhaps, goes on with the old list.
                loaded.at = datetime.now(UTC) - _KEPT + _TRIED_AGAIN
            loaded = _LOADED[place] = await _load(client)
    if _GIVEN.get(client) != loaded.at:
        if client.markets is not loaded.markets:
            client.set_markets_from_exchange(loaded)
        if client.options.get("adjustForTimeDifference"):
            await client.load_time_difference()
        _GIVEN[client] = loaded.at


async def _load(client: Any) -> _Loaded:
    if not await client.load_markets(reload=True):
        raise ReplyUnreadableError("the list of markets is empty")
    parts = {name: getattr(client, name) for name in _SHARED}
    helpers = {
        name: client.options[name]
        for name in ("marketHelperProps", *client.options.get("marketHelperProps", ()))
        if name in client.options
    }
    return _Loaded(client.id, datetime.now(UTC), helpers, **parts)


def _place_of(client: Any) -> str:
    # Clients with websockets have the same markets as those without.
    urls = {name: url for name, url in client.urls["api"].items() if name != "ws"}
    return f"{client.id} {urls}"


def forget_markets() -> None:
    """Have all markets loaded anew: an address has come to be another exchange's."""
    _LOADED.clear()


def ccxt_market(client: Any, symbol: str) -> Any:
    """Ccxt's market of a symbol; MarketUnknownError with what may have been meant."""
    found = client.markets.get(symbol)
    if found is not None and (found.get("spot") or (found.get("swap") and found.get("linear"))):
        return found
    if found is not None:
        raise MarketUnknownError(
            f"{symbol!r} of {client.id} is neither spot nor a linear perpetual, which is all "
            f"that is traded here"
        )
    near = get_close_matches(str(symbol).upper(), list(client.markets), n=2, cutoff=0.7)
    meant = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
    raise MarketUnknownError(f"{client.id} has no market {symbol!r}{meant}")


def market_of(raw: Any, venue: Venue, fees: Any = None) -> Market:
    """A market's rules; `fees`: the account's own, if the venue tells them."""
    info, limits, precision = raw.get("info") or {}, raw["limits"], raw["precision"]
    is_perpetual = bool(raw.get("swap"))
    size = (number_or_none(raw.get("contractSize")) or Decimal(1)) if is_perpetual else Decimal(1)
    fees = fees or {}
    most = _most_resting(raw)
    return Market(
        symbol=raw["symbol"],
        base=raw["base"],
        quote=raw["quote"],
        is_perpetual=is_perpetual,
        is_active=raw.get("active") is not False,
        tick_size=_of(precision.get("price")),
        lot_size=_of(precision.get("amount")) * size,
        min_quantity=_of(limits["amount"].get("min")) * size,
        max_quantity=most * size,
        max_market_quantity=_least(most, _most_at_market(raw)) * size,
        min_notional=_of(limits["cost"].get("min") or _least_value(info)),
        contract_size=size,
        maker_fee=_of(fees.get("maker") or raw.get("maker"), Decimal("0.001")),
        taker_fee=_of(fees.get("taker") or raw.get("taker"), Decimal("0.001")),
        fee_in_base=venue.fee_in_base and not is_perpetual,
        cost_step=_of((info.get("lotSizeFilter") or {}).get("quotePrecision"), _COST_STEP),
        max_leverage=_of(limits.get("leverage", {}).get("max"), Decimal(1)),
        has_stop_market=_has_stop_market(info, venue),
        has_order_list=info.get("ocoAllowed") is True,
        stop_locks_balance=venue.stop_locks_balance and not is_perpetual,
        stop_change=StopChange.ONE_BY_ONE if is_perpetual else _stop_change(info, venue),
    )


def _of(value: Any, other: Decimal = Decimal(0)) -> Decimal:
    found = number_or_none(value)
    return other if found is None else found


def _most_resting(raw: Any) -> Decimal:
    """Of Bybit's spot maxOrderQty is the old name, of both kinds.

    https://bybit-exchange.github.io/docs/v5/market/instrument
    """
    told = (raw.get("info") or {}).get("lotSizeFilter") or {}
    return _of(told.get("maxLimitOrderQty") or raw["limits"]["amount"].get("max"))


def _most_at_market(raw: Any) -> Decimal:
    """Bybit's own fields, or what ccxt makes of Binance's MARKET_LOT_SIZE."""
    told = (raw.get("info") or {}).get("lotSizeFilter") or {}
    own = told.get("maxMarketOrderQty") or told.get("maxMktOrderQty")
    return _of(own or (raw["limits"].get("market") or {}).get("max"))


def _least(one: Decimal, other: Decimal) -> Decimal:
    """The smaller of two bounds, of which 0 is none."""
    return min(one, other) if one and other else one or other


def _least_value(info: Any) -> Any:
    return (info.get("lotSizeFilter") or {}).get("minNotionalValue")


def _stop_change(info: Any, venue: Venue) -> StopChange:
    can_replace = info.get("cancelReplaceAllowed") is True
    if venue.stop_change is StopChange.REPLACE and not can_replace:
        return StopChange.ONE_BY_ONE
    return venue.stop_change


def _has_stop_market(info: Any, venue: Venue) -> bool:
    types = info.get("orderTypes")
    if isinstance(types, list):
        return "STOP_LOSS" in types
    return venue.has_stop_market
