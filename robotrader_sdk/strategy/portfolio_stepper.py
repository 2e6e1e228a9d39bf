"""The stepper of event portfolio strategies: one closed bar of the panel in, wishes out."""

from __future__ import annotations

from collections.abc import Mapping

from robotrader_sdk.data.panel import Panel
from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.context import Account, Columns, Context
from robotrader_sdk.strategy.indicator import Clock
from robotrader_sdk.strategy.panel_handle import PanelHandle, PanelRegistry
from robotrader_sdk.strategy.parametric import stated_warmup
from robotrader_sdk.strategy.portfolio import PortfolioStrategy
from robotrader_sdk.strategy.portfolio_context import PortfolioAccount, PortfolioContext
from robotrader_sdk.strategy.stepper import initialise, strategy_failure
from robotrader_sdk.strategy.weights import WeightLimits, Weights


class PortfolioStepper:
    """Drives one event strategy over a panel; the strategy itself is left untouched.

    `contexts` holds each symbol's context, whose intents are to be taken after each step.
    StrategyError if the strategy's own code fails, with the bar and the line.
    """

    def __init__(
        self,
        strategy: PortfolioStrategy,
        panel: Panel,
        account: PortfolioAccount,
        accounts: Mapping[str, Account],
        limits: WeightLimits,
    ) -> None:
        self.strategy = strategy.fresh()
        self.clock = Clock()
        self.clocks = {symbol: Clock() for symbol in panel.symbols}
        owner, seed = type(strategy).__name__, self.strategy.seed
        self.registry = PanelRegistry(panel, self.clock, self.clocks, owner)
        initialise(self.strategy, self.registry.register, PanelHandle(self.registry))
        self.contexts = {
            symbol: Context(
                bars, Columns(bars), self.clocks[symbol], accounts[symbol], (seed, symbol)
            )
            for symbol, bars in panel.items()
        }
        self.ctx = PortfolioContext(panel, self.clock, self.contexts, account, limits, owner, seed)
        stated = stated_warmup(self.strategy)
        self.warmup_bars = self.registry.warmup_bars if stated is None else stated

    def step(self, bar: int, scheduled: bool) -> Weights | None:
        """Let the strategy see the close of a bar; the weights it asks for, if any.

        The clocks of the symbols are their owner's to set before.
        """
        self.clock.closed = bar + 1
        self.ctx._scheduled = scheduled
        try:
            self.strategy.on_bar(self.ctx)
        except RobotraderError:
            raise
        except Exception as error:
            where = f" at bar {self.ctx.time}"
            raise strategy_failure(self.strategy, "on_bar", error, where) from error
        return self.ctx.take_weights()
