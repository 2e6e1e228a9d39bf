"""A session: the tape goes on, from fill to fill and from close to close.

Within a bar the order of things is the SDK's fill contract, rule 6: what the open fills, oldest
first, and then what its extremes fill. It stops after each fill, so that a client can answer it
before the bar goes on.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

from robotrader_sdk.trading.matching import ADVERSE_STOP, BETWEEN, DONE, OPEN
from runner.errors import TestnetError
from runner.testnet.core.events import Event
from runner.testnet.core.exchange import Exchange
from runner.testnet.core.orders import Trade
from runner.testnet.core.positions import Position
from runner.testnet.core.working import Bar, Candidate

FILL: Final = "fill"
CLOSE: Final = "close"


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the tape has stopped: after a fill inside the bar, or at its close."""

    at: str
    time_ms: int
    trade: Trade | None = None


def advance(exchange: Exchange) -> Stop:
    """Go on to the next fill, or else to the close of the bar and the open of the next.

    TestnetError if the last bar has closed.
    """
    _check_not_over(exchange)
    trade = _fill_next(exchange)
    if trade is not None:
        return Stop(FILL, exchange.clock.now_ms, trade)
    _close(exchange)
    return _open_next(exchange)


def finish_bar(exchange: Exchange) -> Stop:
    """Go on to the close, whatever fills on the way."""
    stop = advance(exchange)
    while stop.at == FILL:
        stop = advance(exchange)
    return stop


def fill_inside(exchange: Exchange) -> list[Stop]:
    """All fills of the bar at hand, without closing it."""
    stops = []
    while (trade := _fill_next(exchange)) is not None:
        stops.append(Stop(FILL, exchange.clock.now_ms, trade))
    return stops


def close_bar(exchange: Exchange) -> list[Stop]:
    """What is left to fill of the bar at hand, and its close; the next one is not open yet."""
    stops = fill_inside(exchange)
    _close(exchange)
    return [*stops, Stop(CLOSE, exchange.clock.now_ms)]


def open_next(exchange: Exchange) -> list[Stop]:
    """The open of the next bar, which is no stop of its own."""
    _check_not_over(exchange)
    _open_next(exchange)
    return []


def _check_not_over(exchange: Exchange) -> None:
    if exchange.tape.is_over:
        raise TestnetError("the last bar has closed; start again, or load a saved state")


def _fill_next(exchange: Exchange) -> Trade | None:
    """The next fill of the bar at hand; None if nothing more fills in it."""
    tape = exchange.tape
    while tape.stage != DONE:
        found = _next_fill(exchange)
        if found is not None:
            trade = _fill(exchange, found)
            if trade is not None:
                return trade
        elif tape.stage == OPEN:
            for settlement in exchange.settlements.values():
                settlement.open_has_passed()
            tape.enter()
        else:
            return None
    return None


def _next_fill(exchange: Exchange) -> Candidate | Position | None:
    """The order that fills next, or the position that is liquidated before any does."""
    for (name, symbol), book in exchange.working.items():
        market, position = exchange.markets[symbol], None
        if market.linear:
            position = exchange.linear.position(name, symbol)
        if not len(book) and (position is None or not position.quantity):
            continue
        bar = exchange.tape.bar(symbol)
        if bar is None:
            continue
        held = exchange.settlement(market).held(exchange.accounts[name], market)
        found = book.next_fill(bar, exchange.tape.stage, held)
        if position is not None and _is_liquidated_first(exchange, position, bar, found):
            return position
        for order in book.newly_triggered():
            order.working_ms = exchange.clock.now_ms
            exchange.lists.triggered(order)
        if found is not None:
            return found
    return None


def _is_liquidated_first(
    exchange: Exchange, position: Position, bar: Bar, found: Candidate | None
) -> bool:
    """Inside a bar a liquidation ranks among the adverse stops, and wins ties."""
    if exchange.tape.stage != BETWEEN or not position.quantity:
        return False
    ahead = exchange.linear.margins.distance(position, bar)
    if found is None or found.rank > ADVERSE_STOP:
        return ahead < math.inf
    return found.rank == ADVERSE_STOP and ahead <= found.distance and ahead < math.inf


def _fill(exchange: Exchange, found: Candidate | Position) -> Trade | None:
    tape = exchange.tape
    symbol = found.symbol if isinstance(found, Position) else found.order.symbol
    if tape.stage == BETWEEN:
        exchange.clock.move_to(tape.middle_ms)
    if isinstance(found, Candidate):
        if tape.stage == BETWEEN:
            tape.trade_at(symbol, float(found.price))
        trade = exchange.fill(found)
    else:
        bar = tape.bar(symbol)
        trade = None if bar is None else exchange.linear.margins.liquidate_inside(found, bar)
        if trade is not None:
            tape.trade_at(symbol, float(trade.price))
    if tape.stage == BETWEEN:
        exchange.announce(Event("price", symbol=symbol))
    return trade


def _close(exchange: Exchange) -> None:
    tape = exchange.tape
    if tape.stage == DONE:
        return  # a running clock has closed it already
    exchange.clock.move_to(tape.close_ms)
    tape.close()
    exchange.announce(Event("bar"))


def _open_next(exchange: Exchange) -> Stop:
    tape = exchange.tape
    tape.open_next()
    exchange.clock.move_to(tape.open_ms)
    for settlement in exchange.settlements.values():
        settlement.bar_has_opened()
    exchange.announce(Event("open"))
    return Stop(CLOSE, exchange.clock.now_ms)
