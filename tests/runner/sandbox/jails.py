"""A jail for many tests: one zygote, on an event loop that goes on between them."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any

import pandas as pd

from robotrader_sdk.deploy.bundle import Bundle, make_bundle
from robotrader_sdk.types import Timeframe
from runner.sandbox.bot_process import BotProcess
from runner.sandbox.jail import Jail
from runner.sandbox.settings import JailSettings
from runner.sandbox.wire import Account, MarketTerms

HOUR = Timeframe.parse("1h")
MARKET = MarketTerms("BTC/USDT")
RICH = Account(10_000.0, 10_000.0)


class Prison:
    """A started jail, and the loop it lives on."""

    def __init__(self, settings: JailSettings | None = None) -> None:
        self._runner = asyncio.Runner()
        self.jail = Jail(settings)
        self.run(self.jail.start())

    def run(self, work: Coroutine[Any, Any, Any]) -> Any:
        """Run a coroutine to its end."""
        return self._runner.run(work)

    def close(self) -> None:
        """Stop the jail and its loop."""
        self.run(self.jail.stop())
        self._runner.close()


async def spawn(
    jail: Jail,
    code: Bundle | type,
    params: Mapping[str, Any] | None = None,
    state: bytes = b"",
    **more: Any,
) -> BotProcess:
    """A bot of one market at hours, unless told otherwise."""
    bundle = code if isinstance(code, Bundle) else make_bundle(code)
    more = {"markets": (MARKET,), "timeframe": HOUR, **more}
    return await jail.spawn(bundle, params or {}, state, **more)


def flat_bars(n_bars: int, price: float = 100.0) -> dict[str, pd.DataFrame]:
    """Bars at one price."""
    index = pd.date_range("2024-01-01", periods=n_bars, freq="h", tz="UTC", name="open_time")
    columns = dict.fromkeys(("open", "high", "low", "close", "volume"), price)
    return {MARKET.symbol: pd.DataFrame(columns, index=index)}
