"""Hints from websockets that a bar may have closed. They may drop, lie or stay silent: nothing
depends on them but how soon a feed looks.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from functools import partial
from importlib import import_module
from typing import Any

from robotrader_sdk.types import Timeframe
from runner.execution.ccxt_client import check_exchange, public_settings
from runner.execution.ccxt_errors import Doing
from runner.execution.ccxt_markets import share_markets
from runner.execution.ccxt_wire import RequestLimiter, Wire
from runner.execution.rate_limits import Priority
from runner.execution.scrub import scrub

logger = logging.getLogger(__name__)

_FIRST_PAUSE, _LONGEST_PAUSE = 0.5, 60.0
"""Seconds between two attempts to watch; doubled while they fail."""


class CcxtHints:
    """Public bars of one exchange by websocket; no key is needed, and none is sent.

    limiter: shared by all who use the exchange from here. overrides: settings of the ccxt client,
    such as the URLs of a local exchange. ExchangeUnknownError if the exchange is not supported.
    """

    def __init__(
        self,
        exchange: str,
        *,
        limiter: RequestLimiter | None = None,
        overrides: Mapping[str, Any] | None = None,
        environ: Mapping[str, str] = os.environ,
    ) -> None:
        check_exchange(exchange, environ)
        # Ccxt takes seconds to import, so it is when somebody wants hints.
        kind = getattr(import_module("ccxt.pro"), exchange)
        self._client = kind(public_settings(exchange, overrides))
        self._wire = Wire(self._client, exchange, limiter, reads=Priority.DATA)
        self.n_hints = 0

    async def watch(self, symbol: str, timeframe: Timeframe, tell: Callable[[], None]) -> None:
        """Call `tell` whenever another bar begins, until cancelled; errors are logged, no more."""
        newest, pause = None, _FIRST_PAUSE
        while True:
            try:
                await self._wire.call(Doing.READ, partial(share_markets, self._client))
                rows = await self._client.watch_ohlcv(symbol, str(timeframe))
                pause = _FIRST_PAUSE
                if rows and rows[-1][0] != newest:
                    newest = rows[-1][0]
                    self.n_hints += 1
                    tell()
            except Exception as error:  # noqa: BLE001 - a hint that fails is none
                logger.info("no hints for %s: %s", symbol, scrub(str(error)))
                await asyncio.sleep(pause)
                pause = min(2 * pause, _LONGEST_PAUSE)

    async def close(self) -> None:
        """Let connections go."""
        await self._client.close()
