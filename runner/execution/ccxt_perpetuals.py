"""Leverage, margin mode and positions of Bybit's linear perpetuals, in one-way mode only."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from typing import Any

from runner.execution.broker import MarginMode, Market, PositionReport
from runner.execution.ccxt_codes import Meaning, meaning_of
from runner.execution.ccxt_errors import Doing
from runner.execution.ccxt_orders import plain
from runner.execution.ccxt_reports import as_row, as_rows, number, position_report
from runner.execution.ccxt_wire import Wire
from runner.execution.errors import OrderRefusedError, PreparationError, UnknownOutcomeError

_MODES: dict[str, MarginMode] = {"ISOLATED_MARGIN": "isolated", "REGULAR_MARGIN": "cross"}
_NAMES = {mode: name for name, mode in _MODES.items()}


async def prepare(
    wire: Wire, raw: Any, market: Market, leverage: Decimal, margin_mode: MarginMode
) -> None:
    """Set leverage and margin mode, and read them back; PreparationError if they are not so.

    A unified account has one margin mode for all its positions. Nor can a market be traded that is
    in hedge mode: a position would not be the sum of its fills.
    """
    if margin_mode not in _NAMES:
        raise PreparationError(f"a margin mode is isolated or cross, not {margin_mode!r}")
    if not 1 <= leverage <= market.max_leverage:
        raise PreparationError(
            f"{market.symbol} takes a leverage from 1 to {market.max_leverage}, not {leverage}"
        )
    client = wire.client
    await _leverage_of(wire, raw, market)
    if await margin_mode_of(wire) != margin_mode:
        await _set(wire, client.privatePostV5AccountSetMarginMode,
                   {"setMarginMode": _NAMES[margin_mode]})  # fmt: skip
    times = plain(leverage)
    await _set(wire, client.privatePostV5PositionSetLeverage,
               {"category": "linear", "symbol": raw["id"], "buyLeverage": times,
                "sellLeverage": times})  # fmt: skip
    told = (await margin_mode_of(wire), await _leverage_of(wire, raw, market))
    if told != (margin_mode, leverage):
        raise PreparationError(
            f"{market.symbol} was to have {margin_mode} margin and leverage {leverage}, but has "
            f"{told[0]} and {told[1]}; look at the positions and orders of the account"
        )


async def margin_mode_of(wire: Wire) -> MarginMode | None:
    """How the account is margined."""

    async def ask() -> MarginMode | None:
        reply = await wire.client.privateGetV5AccountInfo({})
        return _MODES.get(str(as_row(as_row(reply).get("result")).get("marginMode")))

    return await wire.call(Doing.READ, ask)


async def positions_of(wire: Wire, markets: list[Market]) -> list[PositionReport]:
    """The positions in these markets that are not flat; PreparationError in hedge mode."""
    mode = await margin_mode_of(wire)

    async def ask(market: Market) -> list[PositionReport | None]:
        rows = as_rows(await wire.client.fetch_positions([market.symbol]))
        _check_one_way([as_row(row.get("info")) for row in rows], market)
        return [position_report(row, market, mode) for row in rows]

    found = []
    for market in markets:

        async def of_market(market: Market = market) -> list[PositionReport | None]:
            return await ask(market)

        found += await wire.call(Doing.READ, of_market)
    return [report for report in found if report is not None]


async def _leverage_of(wire: Wire, raw: Any, market: Market) -> Decimal:
    async def ask() -> Decimal:
        reply = await wire.client.privateGetV5PositionList(
            {"category": "linear", "symbol": raw["id"]}
        )
        rows = as_rows(as_row(as_row(reply).get("result")).get("list"))
        _check_one_way(rows, market)
        (row,) = rows
        return number(row.get("leverage"))

    return await wire.call(Doing.READ, ask)


def _check_one_way(rows: list[Mapping[str, Any]], market: Market) -> None:
    """https://bybit-exchange.github.io/docs/v5/position: an index of 1 or 2 is of hedge mode."""
    if any(str(row.get("positionIdx") or 0) != "0" for row in rows):
        raise PreparationError(
            f"{market.symbol} is in hedge mode, where a long and a short position stand side by "
            f"side, and only one-way mode is traded here; close its positions and orders, switch "
            f"it to one-way mode at the exchange, and start the bot again"
        )


async def _set(wire: Wire, ask: Any, request: dict[str, Any]) -> None:
    try:
        await wire.call(Doing.SUBMIT, lambda: ask(request))
    except OrderRefusedError as error:
        if meaning_of("bybit", error.code, "") is not Meaning.UNCHANGED:
            raise PreparationError(str(error)) from None
    except UnknownOutcomeError:
        pass  # what is so is read back
