"""All executions of an account since a time, from each venue's own kind of history."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from typing import Any

from runner.execution.broker import FillReport, FundingReport, Market
from runner.execution.ccxt_errors import ReplyUnreadableError
from runner.execution.ccxt_pages import bybit_rows, windows
from runner.execution.ccxt_reports import as_rows, fill_report, number, text, time

_BINANCE_PAGE, _BINANCE_WINDOW = 1000, timedelta(hours=24)
_BYBIT_PAGE, _BYBIT_WINDOW = 100, timedelta(days=7)
_LATER = timedelta(hours=1)
"""Beyond now: clocks differ, and a window that ends too late does no harm."""
_MOST_PAGES = 1000


async def fills_since(
    client: Any, raw: Any, market: Market, since: datetime, now: datetime
) -> list[FillReport]:
    """All executions of a market, oldest first, each trade id once."""
    rows = await _READERS[client.id](client, raw, since, now + _LATER)
    found = {
        report.trade_id: report
        for report in (fill_report(trade, market) for trade in client.parse_trades(rows, raw))
        if report.time >= since
    }
    return sorted(found.values(), key=lambda report: (report.time, _order(report.trade_id)))


async def funding_since(
    client: Any, raw: Any, market: Market, since: datetime, now: datetime
) -> list[FundingReport]:
    """All payments of funding of a perpetual, oldest first; Bybit counts what is paid."""
    rows = await _bybit(client, raw, since, now + _LATER, "Funding")
    found = {
        text(row, "execId"): FundingReport(
            reference=text(row, "execId"),
            symbol=market.symbol,
            amount=-number(row.get("execFee")),
            asset=str(row.get("feeCurrency") or raw["settle"]),
            time=time(row.get("execTime")),
        )
        for row in rows
    }
    return sorted(found.values(), key=lambda report: report.time)


async def _binance(client: Any, raw: Any, since: datetime, until: datetime) -> list[Any]:
    """The newest, if they reach back before `since`; else by windows of time, a day at most, up to
    the first trade, and then by id, to the end.

    A stop may rest for months without a trade, and is asked about every minute: day by day that
    would take the whole budget. Without times and ids the most recent trades are given:
    https://developers.binance.com/docs/binance-spot-api-docs/rest-api/account-endpoints
    """
    request = {"symbol": raw["id"], "limit": _BINANCE_PAGE}
    newest = as_rows(await client.privateGetMyTrades(request))
    if not newest or min(time(row.get("time")) for row in newest) < since:
        return newest
    for start, end in windows(since, until, _BINANCE_WINDOW):
        found = as_rows(
            await client.privateGetMyTrades({**request, "startTime": start, "endTime": end})
        )
        if found:
            break
    else:
        return []
    page = found
    for _page in range(_MOST_PAGES):
        after = max(int(text(row, "id")) for row in page) + 1
        page = as_rows(await client.privateGetMyTrades({**request, "fromId": after}))
        if not page:
            return found
        found += page
        if len(page) < _BINANCE_PAGE:
            return found
    raise ReplyUnreadableError("a list has no end")


async def _bybit_trades(client: Any, raw: Any, since: datetime, until: datetime) -> list[Any]:
    return [
        row
        for row in await _bybit(client, raw, since, until)
        if row.get("execType", "Trade") in ("", "Trade", "BustTrade", "AdlTrade")
    ]


async def _bybit(
    client: Any, raw: Any, since: datetime, until: datetime, kind: str = ""
) -> list[Any]:
    request = {
        "category": "linear" if raw.get("linear") else "spot",
        "symbol": raw["id"],
        "limit": _BYBIT_PAGE,
        **({"execType": kind} if kind else {}),
    }
    found: list[Any] = []
    for start, end in windows(since, until, _BYBIT_WINDOW):
        asked = {**request, "startTime": start, "endTime": end}
        found += [row async for row in bybit_rows(client.privateGetV5ExecutionList, asked)]
    return found


async def _kraken(client: Any, raw: Any, since: datetime, _: datetime) -> list[Any]:
    """Fifty a page, newest first, by offset; of all markets."""
    found: dict[str, Any] = {}
    for _page in range(_MOST_PAGES):
        # `start` leaves out its own second.
        asked = {"start": int(since.timestamp()) - 1, "ofs": len(found)}
        result = (await client.privatePostTradesHistory(asked))["result"]
        page = result["trades"]
        found |= {name: {**row, "id": name} for name, row in page.items()}
        if not page or len(found) >= int(result.get("count") or 0):
            rows = as_rows(list(found.values()))
            return [row for row in rows if row.get("pair") in (raw["id"], raw.get("altname"))]
    raise ReplyUnreadableError("a list has no end")


async def _coinbase(client: Any, raw: Any, since: datetime, _: datetime) -> list[Any]:
    asked = {"product_id": raw["id"], "limit": 250,
             "start_sequence_timestamp": since.isoformat()}  # fmt: skip
    found: list[Any] = []
    for _page in range(_MOST_PAGES):
        reply = await client.v3PrivateGetBrokerageOrdersHistoricalFills(asked)
        found += as_rows(reply.get("fills"))
        cursor = reply.get("cursor")
        if not cursor:
            return found
        asked = {**asked, "cursor": cursor}
    raise ReplyUnreadableError("a list has no end")


async def _okx(client: Any, raw: Any, since: datetime, _: datetime) -> list[Any]:
    """A hundred a page, newest first, by the bill they stand on."""
    asked = {"instType": "SPOT", "instId": raw["id"], "limit": 100,
             "begin": int(since.timestamp() * 1000) - 1}  # fmt: skip
    found: list[Any] = []
    for _page in range(_MOST_PAGES):
        page = as_rows((await client.privateGetTradeFillsHistory(asked)).get("data"))
        found += page
        if len(page) < 100:
            return found
        asked = {**asked, "after": text(page[-1], "billId")}
    raise ReplyUnreadableError("a list has no end")


_Reader = Callable[[Any, Any, datetime, datetime], Awaitable[list[Any]]]
_READERS: dict[str, _Reader] = {
    "binance": _binance,
    "bybit": _bybit_trades,
    "kraken": _kraken,
    "coinbase": _coinbase,
    "okx": _okx,
}


def _order(trade_id: str) -> tuple[int, str]:
    return (int(trade_id) if trade_id.isdigit() else 0, trade_id)
