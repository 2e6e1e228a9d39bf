"""Bars from an exchange, through CCXT, kept in the cache: only what is missing is fetched.

This is the one module of the SDK that knows CCXT, and it imports it when something has to be
fetched.
"""

from __future__ import annotations

import inspect
import json
import os
import re
import time
from collections.abc import Callable, Sequence
from email.utils import parsedate_to_datetime
from functools import cache as remembered
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np
import pandas as pd
from tqdm.auto import tqdm

from robotrader_sdk.data.cache import BarCache, cache_folder
from robotrader_sdk.data.coverage import Span
from robotrader_sdk.data.lookup import check_symbol, check_timeframe
from robotrader_sdk.data.month_file import Market, Rows
from robotrader_sdk.data.paging import Page, Pager
from robotrader_sdk.data.period import When, describe_time, read_period
from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.data.validate import COLUMNS, report_missing_bars, validate_bars, warn
from robotrader_sdk.errors import BarsError, DownloadError
from robotrader_sdk.types import Timeframe

if TYPE_CHECKING:
    import ccxt

P = ParamSpec("P")
R = TypeVar("R")

_PAGES_A_SAVE = 10
_LARGEST_PAGE, _USUAL_PAGE = 1000, 100
_WEEK, _DAY_MS = 7 * 86_400, 86_400_000
_FIRST_CRYPTO_BAR = 1_230_940_800_000  # 2009-01-03, Bitcoin's first block
_FIRST_DELAY, _LONGEST_DELAY, _LONGEST_BAN = 0.25, 30.0, 300.0


def load_bars(
    exchange: str | ccxt.Exchange,
    symbol: str,
    timeframe: Timeframe | str,
    start: When = None,
    end: When = None,
    *,
    cache: str | os.PathLike[str] | None = None,
    refresh: bool = False,
    progress: bool = True,
    retries: int = 8,
) -> pd.DataFrame:
    """The closed bars of a market with start <= open_time < end, from the cache or the exchange.

    `exchange` is a name CCXT knows, such as "binance", or a synchronous CCXT exchange of the
    user's own configuration; `symbol` is CCXT's, such as "BTC/USDT" or "BTC/USDT:USDT".
    `start` and `end` are ISO 8601 text, dates or datetimes, in UTC where they have no zone.
    Without a start the bars begin with the exchange's first, without an end they go on to the
    last closed one.

    Bars are kept in the folder `cache`, else that of the environment's ROBOTRADER_CACHE, else
    ~/.cache/robotrader (or below XDG_CACHE_HOME). What is there is not fetched again, gaps of
    the exchange's own and the time before a listing included; where all of it is there, and an
    end is given, nothing is sent at all. `refresh=True` fetches the whole period again and
    replaces it. An interrupted download keeps what it got.

    A bar is closed when its open_time + timeframe is not after the exchange's own time (its
    time endpoint; else the Date of its answers; else the clock of this machine). The forming
    bar is never returned or stored. Network errors are tried again up to `retries` times,
    after pauses that double; CCXT's rate limit is on. `progress` shows a bar.

    The result is validated as by `validate_bars`; gaps, and a period that the exchange only
    has in part, are reported with a BarsWarning.

    Raises DownloadError for an unknown exchange, symbol or timeframe, a period that makes no
    sense or has no bars, and an exchange that refuses or does not answer; CacheError for a
    folder that can't be used; BarsError for bars that are wrong at the exchange.
    """
    length = _parse_timeframe(timeframe)
    if not isinstance(retries, int) or retries < 0:
        raise DownloadError(f"retries={retries!r} is out of range; expected an int of 0 or more")
    begin, finish = read_period(start, end)
    store = BarCache(cache_folder(cache), Market(_cache_name(exchange), _text(symbol), length))
    if begin is not None and finish is not None and not refresh:
        rows, missing = store.load((begin, finish))
        if not missing:
            return _to_bars(rows, store.market, (begin, finish), start)

    store.prepare()
    remote = _Remote(exchange, symbol, length, retries)
    closed = remote.now - length.seconds * 1000 + 1
    if begin is None:
        begin = remote.first_bar()
    finish = closed if finish is None else min(finish, closed)
    if finish <= begin:
        raise DownloadError(
            f"{store.market} has no closed bar from {describe_time(begin)} to "
            f"{describe_time(finish)}; at {remote.name} it is {describe_time(remote.now)}"
        )
    spans = [(begin, finish)] if refresh else store.load((begin, finish))[1]
    _download(remote, store, spans, progress)
    rows, _ = store.load((begin, finish))
    return _to_bars(rows, store.market, (begin, finish), start)


def _download(remote: _Remote, store: BarCache, spans: list[Span], progress: bool) -> None:
    total = sum(end - start for start, end in spans) // remote.step
    with tqdm(
        total=total, desc=str(store.market), unit="bar", disable=not progress or total == 0
    ) as shown:
        for span in spans:
            pending: list[Page] = []
            try:
                for page in remote.pages(span):
                    pending.append(page)
                    shown.update((page.upto - page.known[0]) // remote.step)
                    if len(pending) == _PAGES_A_SAVE:
                        _save(store, pending)
            finally:
                _save(store, pending)


def _save(store: BarCache, pending: list[Page]) -> None:
    if pending:
        store.add(np.concatenate([page.rows for page in pending]), [p.known for p in pending])
        pending.clear()


def _to_bars(rows: Rows, market: Market, period: Span, start: When) -> pd.DataFrame:
    if not len(rows):
        raise DownloadError(
            f"{market} has no bars from {describe_time(period[0])} to {describe_time(period[1])}: "
            "it was listed later, or delisted"
        )
    times = (rows[:, 0].astype(np.int64) * 1000).view("M8[us]")
    bars = pd.DataFrame(
        {name: rows[:, column] for column, name in enumerate(COLUMNS, start=1)},
        index=pd.DatetimeIndex(times, name="open_time").tz_localize("UTC"),
    )
    bars.attrs = {
        "source": market.exchange,
        "symbol": market.symbol,
        "timeframe": str(market.timeframe),
    }
    try:
        bars = validate_bars(bars, report_gaps=False)
    except BarsError as error:
        raise BarsError(f"{market}, as the exchange has it: {error}") from None
    step = market.timeframe.seconds * 1000
    if start is not None and rows[0, 0] - period[0] >= step:
        warn(f"{market} begins at {bars.index[0]}; the exchange has nothing before")
    if period[1] - rows[-1, 0] > step:
        warn(f"{market} ends at {bars.index[-1]}; the exchange has nothing after")
    report_missing_bars(bars, market.timeframe, str(market))
    return bars


class _Remote:
    """One market at an exchange, and how patiently it is asked."""

    def __init__(
        self, exchange: str | ccxt.Exchange, symbol: str, timeframe: Timeframe, retries: int
    ) -> None:
        self._exchange = _open_exchange(exchange) if isinstance(exchange, str) else exchange
        self._retries = retries
        self._symbol = symbol
        self.name: str = self._exchange.id
        self.step = timeframe.seconds * 1000
        self._names = self._timeframes()
        check_timeframe(timeframe, self._names, self.name)
        self._ask(self._exchange.load_markets)
        check_symbol(symbol, list(self._exchange.markets), self.name)
        self.now = self._server_time()  # when first asked, in Unix milliseconds
        self._pager = Pager(
            self._fetch,
            step=self.step,
            coarse_step=max(seconds for seconds in self._names if seconds <= _WEEK) * 1000,
            limit=self._page_size(),
            settled=self.now - _DAY_MS,
        )
        self.pages = self._pager.pages

    def first_bar(self) -> int:
        """A time at or somewhat before the market's first bar."""
        first = self._pager.first_bar(_FIRST_CRYPTO_BAR)
        if first is None:
            raise DownloadError(f"{self.name} has no bars of {self._symbol} at all")
        return first

    def _timeframes(self) -> dict[int, str]:
        """CCXT's names for the timeframes of a fixed length, by their seconds."""
        if not self._exchange.has.get("fetchOHLCV"):
            raise DownloadError(f"{self.name} serves no bars; choose another exchange")
        names: dict[int, str] = {}
        for name in self._exchange.timeframes or {}:
            try:
                names.setdefault(Timeframe.parse(name).seconds, name)
            except BarsError:  # calendar months and years
                continue
        return names

    def _fetch(self, step: int, since: int, limit: int) -> Sequence[Sequence[float | None]]:
        name = self._names[step // 1000]
        return self._ask(self._fetch_rows, name, since, limit)

    def _fetch_rows(self, name: str, since: int, limit: int) -> Sequence[Sequence[float | None]]:
        import ccxt

        rows: list[list[float | None]] = self._exchange.fetch_ohlcv(
            self._symbol, name, since=since, limit=limit
        )
        # CCXT reads what is no JSON, such as a login page, as no bars.
        body = str(self._exchange.last_http_response or "")
        if body and not rows and not _is_json(body):
            raise ccxt.BadResponse(f"the answer is no JSON: {body[:40]!r}")
        return rows

    def _page_size(self) -> int:
        known = self._exchange.feature_value(self._symbol, "fetchOHLCV", "limit", None)
        return min(int(known), _LARGEST_PAGE) if known else _USUAL_PAGE

    def _server_time(self) -> int:
        if self._exchange.has.get("fetchTime"):
            return int(self._ask(self._exchange.fetch_time))
        stated = (self._exchange.last_response_headers or {}).get("Date")
        if stated:
            return int(parsedate_to_datetime(stated).timestamp() * 1000)
        return int(time.time() * 1000)

    def _ask(self, call: Callable[P, R], *args: P.args, **kwargs: P.kwargs) -> R:
        """Call; again after network errors; DownloadError where that does not help."""
        import ccxt

        tries = 0
        while True:
            tries += 1
            try:
                return call(*args, **kwargs)
            except ccxt.OperationFailed as error:
                delay = self._delay(error, tries)
                if delay > _LONGEST_BAN:
                    raise DownloadError(
                        f"{self.name} asks to wait {delay:.0f} s: {_reason(error)}; what was "
                        "fetched is kept, go on after that"
                    ) from None
                if tries > self._retries:
                    raise DownloadError(
                        f"{self.name} did not answer, tried {tries} times: {_reason(error)}; what "
                        "was fetched is kept, try again later"
                    ) from None
                time.sleep(delay)
            except ccxt.BaseError as error:
                raise DownloadError(f"{self.name} refused: {_reason(error)}") from None

    def _delay(self, error: Exception, tries: int) -> float:
        """Seconds to wait: twice the last pause, or what a rate limit asks for."""
        import ccxt

        delay: float = min(_FIRST_DELAY * 2 ** (tries - 1), _LONGEST_DELAY)
        if isinstance(error, ccxt.RateLimitExceeded | ccxt.DDoSProtection):
            asked = str((self._exchange.last_response_headers or {}).get("Retry-After", ""))
            delay = max(delay, float(asked)) if asked.isdigit() else delay
        return delay


@remembered
def _open_exchange(name: str) -> ccxt.Exchange:
    """One instance a name and process: it keeps the markets, and the pace of its requests."""
    import ccxt

    if name not in ccxt.exchanges:
        raise DownloadError(
            f"exchange {name!r} is not known{did_you_mean(name, ccxt.exchanges)}; expected one of "
            f"ccxt's {len(ccxt.exchanges)}, such as binance, bybit, coinbase, kraken or okx"
        )
    return getattr(ccxt, name)({"enableRateLimit": True})


def _cache_name(exchange: str | ccxt.Exchange) -> str:
    """The name an exchange's bars are kept under; a sandbox's prices are not the real ones."""
    if isinstance(exchange, str):
        return exchange
    import ccxt

    if not isinstance(exchange, ccxt.Exchange) or inspect.iscoroutinefunction(exchange.fetch_ohlcv):
        raise DownloadError(
            f"exchange is a {type(exchange).__name__}; expected a name such as 'binance', or a "
            "synchronous ccxt exchange such as ccxt.binance()"
        )
    return f"{exchange.id}-sandbox" if exchange.isSandboxModeEnabled else str(exchange.id)


def _parse_timeframe(timeframe: Timeframe | str) -> Timeframe:
    try:
        return Timeframe.parse(timeframe)
    except BarsError as error:
        raise DownloadError(str(error)) from None


def _text(symbol: str) -> str:
    if not isinstance(symbol, str):
        raise DownloadError(f"symbol must be text such as 'BTC/USDT', not {symbol!r}")
    return symbol


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except ValueError:
        return False
    return True


def _reason(error: Exception) -> str:
    """What CCXT says, without the parameters of a URL, which may be signed."""
    text = re.sub(r"[?]\S*", "", str(error))
    return f"{type(error).__name__}: {text[:300]}"
