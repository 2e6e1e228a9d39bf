"""The one stepper of event backtest, paper and live: one closed bar in, order intents out."""

from __future__ import annotations

import sys
import traceback
from collections.abc import Callable
from typing import Any

from robotrader_sdk.errors import RobotraderError, StrategyError
from robotrader_sdk.strategy.base import Strategy, stated_warmup
from robotrader_sdk.strategy.context import Account, Columns, Context
from robotrader_sdk.strategy.indicator import Clock, Registry
from robotrader_sdk.strategy.intents import Intent
from robotrader_sdk.strategy.parametric import Parametric
from robotrader_sdk.strategy.source import Bars, bars_of
from robotrader_sdk.types import Timeframe


class Stepper:
    """Drives one event strategy over bars; the strategy itself is left untouched.

    bars: see `source.Bars`. `warmup_bars` bars pass before the first decision. `timeframe` is the
    length of a bar where it is known, as in live trading; None: the most common distance between
    the bars.
    StrategyError if the strategy's own code fails, with the bar and the line.
    """

    def __init__(
        self,
        strategy: Strategy,
        bars: Bars,
        columns: Columns,
        account: Account,
        symbol: str = "",
        timeframe: Timeframe | None = None,
    ) -> None:
        self.strategy = strategy.fresh()
        self.clock = Clock()
        self._bars = bars
        self.registry = Registry(bars, self.clock, type(strategy).__name__, timeframe)
        initialise(self.strategy, self.registry.register, self.registry.handle)
        self.ctx = Context(bars, columns, self.clock, account, (self.strategy.seed, symbol))
        stated = stated_warmup(self.strategy)
        self.warmup_bars = self.registry.warmup_bars if stated is None else stated

    def step(self, bar: int) -> list[Intent]:
        """Let the strategy see the close of a bar; what it asks for."""
        self.clock.closed = bar + 1
        try:
            self.strategy.on_bar(self.ctx)
        except RobotraderError:
            raise
        except Exception as error:
            raise self.failure(error) from error
        return self.ctx.take_intents()

    def failure(self, error: Exception) -> StrategyError:
        """What to raise for an error in `on_bar`: one line with the bar and the line of code."""
        where = f" at bar {bars_of(self._bars).index[self.clock.bar]}"
        return strategy_failure(self.strategy, "on_bar", error, where)


def initialise(strategy: Any, register: Callable[..., Any], handle: object) -> None:
    """Let a strategy's `init` register its indicators, and nothing after it.

    StrategyError if its own code fails, with the line.
    """
    strategy.__dict__["_register"] = register
    try:
        strategy.init(handle)
    except RobotraderError:
        raise
    except Exception as error:
        raise strategy_failure(strategy, "init", error) from error
    finally:
        del strategy.__dict__["_register"]


def strategy_failure(
    strategy: Parametric, method: str, error: Exception, where: str = ""
) -> StrategyError:
    """One line about what went wrong in a user's code, with the last line of it that ran."""
    frames = traceback.extract_tb(error.__traceback__)
    own_file = getattr(sys.modules.get(type(strategy).__module__), "__file__", None)
    own = [f for f in frames if f.filename == own_file or f.filename.startswith("<")]
    frame = (own or frames)[-1]
    message = " ".join(str(error).split())
    return StrategyError(
        f"{type(strategy).__name__}.{method} failed{where}: {type(error).__name__}: {message} "
        f"({frame.filename}, line {frame.lineno})"
    )
