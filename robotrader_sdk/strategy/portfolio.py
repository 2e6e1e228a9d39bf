"""PortfolioStrategy: the class a user writes for several symbols that share one account."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from robotrader_sdk.strategy.parametric import Parametric, written_form

if TYPE_CHECKING:
    import pandas as pd

    from robotrader_sdk.data.panel import Panel
    from robotrader_sdk.strategy.panel_handle import PanelHandle
    from robotrader_sdk.strategy.portfolio_context import PortfolioContext

Period = Literal["daily", "weekly", "monthly", "quarterly"]


class PortfolioStrategy(Parametric, root=True):
    """A strategy over several symbols with one account, in one of two forms.

    Vectorised: write `target_weights(self, panel)` and return a DataFrame: a row for each time at
    which something is decided, a column for each symbol, wanted fractions of the equity.
    Event: write `on_bar(self, ctx)`, called at the close of each bar of the panel, seeing the past
    only; `ctx["ETH/USDT"]` is what a single-symbol strategy gets, `ctx.rebalance({...})` asks for
    weights. Register indicators in `init(self, panel)`.

        class Momentum(rt.PortfolioStrategy):
            rebalance = "monthly"
            lookback: int = rt.param(90, ge=2)
            top: int = rt.param(3, ge=1)

            def target_weights(self, panel):
                momentum = panel.close.pct_change(self.lookback)
                best = momentum.rank(axis=1, ascending=False) <= self.top
                return (best & (momentum > 0)) / self.top

    rebalance: when wanted weights become orders.
        None: at each row that `target_weights` returns, at each call of `ctx.rebalance`.
        "daily", "weekly", "monthly", "quarterly": at the last bar of each period, if its close
        ends the period, else at the first bar of the next (`robotrader_sdk.strategy.schedule`);
        then the newest row or call up to that bar counts.
        N: at every N-th bar from the first one after the warm-up.
    drift_band: None or 0: trades happen on the schedule only, and make every weight exact.
        Else, at the close of every bar, a symbol whose weight has drifted from what was last
        decided for it by more than the band is traded back; and on the schedule a symbol that is
        to be kept, on the same side, is left alone while it is within the band. What is opened,
        closed or turned around is traded on the schedule, however little it is.
    warmup_bars: how many bars of the panel pass before the first decision. None: what the
        registered indicators need (event form), or 0 (vectorised form).

    All three may be class attributes or properties, the first two also parameters. What becomes
    of the weights is in `robotrader_sdk.trading.rebalancing`.

    ParameterError if a parameter is unknown, of the wrong type or out of bounds, or if `check`
    objects.
    """

    rebalance: Period | int | None = None
    drift_band: float | None = None

    _declarable: ClassVar[frozenset[str]] = frozenset({"seed", "rebalance", "drift_band"})

    def target_weights(self, panel: Panel) -> pd.DataFrame:
        """Vectorised form: wanted weights at some or all of the panel's times.

        Rows: times of `panel.index`, ascending; no row, no decision. Columns: symbols; one that
        has none gets 0. Values: fractions of the equity, below 0 for short.
        """
        raise NotImplementedError

    def init(self, panel: PanelHandle) -> None:
        """Event form: register indicators of any symbol, or of several.

        `self.sma = self.indicator(rt.ta.sma, panel["ETH/USDT"].close, 20)`. `panel` is a handle
        that serves `self.indicator` and knows its symbols, nothing else.
        """

    def on_bar(self, ctx: PortfolioContext) -> None:
        """Event form: called at each close, with the past, the positions and the orders."""
        raise NotImplementedError


def gives_weights(strategy: PortfolioStrategy) -> bool:
    """Whether it is written as `target_weights`; StrategyError if it is both forms or neither."""
    return written_form(strategy, "target_weights(self, panel)", "on_bar(self, ctx)")
