"""Strategy: the class a user writes, once, for backtest, paper and live."""

from __future__ import annotations

from typing import TYPE_CHECKING

from robotrader_sdk.strategy.parametric import Parametric, stated_warmup, written_form

if TYPE_CHECKING:
    import pandas as pd

    from robotrader_sdk.strategy.context import Context
    from robotrader_sdk.strategy.indicator import BarsHandle
    from robotrader_sdk.strategy.signals import Signals

__all__ = ["Strategy", "is_vectorised", "stated_warmup"]


class Strategy(Parametric, root=True):
    """A trading strategy with declared parameters, in one of two forms.

    Vectorised: write `signals(self, bars)` and return `rt.Signals`, wishes for every bar at once.
    Event: write `on_bar(self, ctx)`, called at the close of each bar, seeing the past only;
    register indicators in `init(self, bars)`.

        class SmaCross(rt.Strategy):
            fast: int = rt.param(10, ge=2, le=200)
            slow: int = rt.param(50, ge=2, le=400)

            def check(self):
                if self.fast >= self.slow:
                    raise ValueError("fast must be below slow")

            def signals(self, bars):
                fast, slow = rt.ta.sma(bars.close, self.fast), rt.ta.sma(bars.close, self.slow)
                return rt.Signals(
                    enter_long=rt.ta.crossed_above(fast, slow),
                    exit_long=rt.ta.crossed_below(fast, slow),
                )

    warmup_bars: how many bars pass before the first decision; nothing trades before it. None:
    what the registered indicators need (event form), or 0 (vectorised form). State it as a
    class attribute or a property.
    seed: the seed of `ctx.rng`, a parameter every strategy has.

    ParameterError if a parameter is unknown, of the wrong type or out of bounds, or if `check`
    objects.
    """

    def signals(self, bars: pd.DataFrame) -> Signals:
        """Vectorised form: wishes for every bar, from the user's DataFrame of bars."""
        raise NotImplementedError

    def init(self, bars: BarsHandle) -> None:
        """Event form: register indicators, `self.sma = self.indicator(rt.ta.sma, bars.close, 10)`.

        `bars` is a handle that serves `self.indicator`, `rt.resample(bars, "4h")` (a handle of
        coarser bars) and `bars.timeframe`, and nothing else.
        """

    def on_bar(self, ctx: Context) -> None:
        """Event form: called at each bar's close, with the past, the position and the orders."""
        raise NotImplementedError


def is_vectorised(strategy: Strategy) -> bool:
    """Whether a strategy is written as `signals`; StrategyError if it is both forms or neither."""
    return written_form(strategy, "signals(self, bars)", "on_bar(self, ctx)")
