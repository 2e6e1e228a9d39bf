"""Leverage, margin mode and positions of Bybit's linear perpetuals."""

from __future__ import annotations

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

    A unified account has one margin mode for all its positions.
    """
    if margin_mode not in _NAMES:
        raise PreparationError(f"a margin mode is isolated or cross, not {margin_mode!r}")
    if not 1 <= leverage <= market.max_leverage:
        raise PreparationError(
            f"{market.symbol} takes a leverage from 1 to {market.max_leverage}, not {leverage}"
        )
    client = wire.client
    if await margin_mode_of(wire) != margin_mode:
        await _set(wire, client.privatePostV5AccountSetMarginMode,
                   {"setMarginMode": _NAMES[margin_mode]})  # fmt: skip
    times = plain(leverage)
    await _set(wire, client.privatePostV5PositionSetLeverage,
               {"category": "linear", "symbol": raw["id"], "buyLeverage": times,
                "sellLeverage": times})  # fmt: skip
    told = (await margin_mode_of(wire), await _leverage_of(wire, raw))
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
    """The positions in these markets that are not flat."""
    mode = await margin_mode_of(wire)

    async def ask(market: Market) -> list[PositionReport | None]:
        rows = await wire.client.fetch_positions([market.symbol])
        return [position_report(row, market, mode) for row in as_rows(rows)]

    found = []
    for market in markets:

        async def of_market(market: Market = market) -> list[PositionReport | None]:
            return await ask(market)

        found += await wire.call(Doing.READ, of_market)
    return [report for report in found if report is not None]


async def _leverage_of(wire: Wire, raw: Any) -> Decimal:
    async def ask() -> Decimal:
        reply = await wire.client.privateGetV5PositionList(
            {"category": "linear", "symbol": raw["id"]}
        )
        (row,) = as_rows(as_row(as_row(reply).get("result")).get("list"))
        return number(row.get("leverage"))

    return await wire.call(Doing.READ, ask)


async def _set(wire: Wire, ask: Any, request: dict[str, Any]) -> None:
    try:
        await wire.call(Doing.SUBMIT, lambda: ask(request))
    except OrderRefusedError as error:
        if meaning_of("bybit", error.code, "") is not Meaning.UNCHANGED:
            raise PreparationError(str(error)) from None
    except UnknownOutcomeError:
        pass  # what is so is read back
