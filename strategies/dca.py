"""Dca: dollar-cost averaging."""

from __future__ import annotations

import robotrader_sdk as rt


class Dca(rt.Strategy):
    """Buy for the same amount of quote money every few bars, until the cash is spent.

    Idea: a fixed amount buys much when the price is low and little when it is high, so that the
    average price paid is below the average price; and nobody has to decide when to buy.

    Source: B. Graham, The Intelligent Investor, 1949. Against it: G. M. Constantinides, "A Note
    on the Suboptimality of Dollar-Cost Averaging as an Investment Policy", Journal of Financial
    and Quantitative Analysis 14(2), 1979.

    Fails: in a rising market, where it is behind buying at once for as long as cash waits; in
    one that falls for good, where it buys all the way down. It never sells.
    """

    notional: float = rt.param(100.0, gt=0, description="quote money for each buy, fee included")
    every: int = rt.param(7, ge=1, le=100_000, description="bars from one buy to the next")

    def on_bar(self, ctx: rt.Context) -> None:
        """Buy when it is time and the cash suffices."""
        suffices = ctx.cash >= self.notional * (1 - 1e-9)  # sums of earlier buys carry noise
        if suffices and ctx.bar_number % self.every == 0:
            ctx.buy(notional=self.notional)
