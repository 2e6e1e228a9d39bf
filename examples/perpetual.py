"""A perpetual with leverage, funding and a mark price: what leverage does to one and the same idea.

The bars are made up from a seed, and so are the funding rates; with real ones the same call does.
"""

import numpy as np
import pandas as pd

import robotrader_sdk as rt
from strategies import DonchianBreakout

PERPETUAL = rt.Instrument(
    "linear_perpetual",
    max_leverage=50,
    maintenance_margin=[(0, 0.01), (100_000, 0.025, 20), (500_000, 0.05, 10)],
    tick_size=0.01,
    lot_size=0.001,
    liquidation_fee=0.005,
    symbol="BTC/USDT:USDT",
)


class Levered(rt.Strategy):
    """Long above the average, short below, with so many times the equity."""

    length: int = rt.param(100, ge=5, le=1_000)
    size: float = rt.param(1.0, gt=0, le=50, description="times the equity")

    @property
    def warmup_bars(self) -> int:
        """As many bars as the average needs."""
        return self.length - 1

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Always in the market, on one side or the other."""
        average = rt.ta.ema(bars.close, self.length)
        return rt.Signals(
            enter_long=rt.ta.crossed_above(bars.close, average),
            enter_short=rt.ta.crossed_below(bars.close, average),
            fraction=self.size,
        )


def funding_rates(bars: pd.DataFrame) -> pd.Series:
    """Every eight hours; higher after a rise, as it tends to be."""
    returns = bars.close.pct_change(72).fillna(0.0).iloc[::8]
    return (0.0001 + 0.002 * returns).clip(-0.003, 0.003).rename("funding")


if __name__ == "__main__":
    bars = rt.synthetic_bars(8_000, "1h", seed=4)
    rates = funding_rates(bars)
    figures = ["final_equity", "max_drawdown", "exposure", "funding_paid", "n_liquidations"]
    columns = {}
    for size in (1, 3, 10):
        for margin in ("isolated", "cross"):
            result = rt.backtest(
                Levered(size=size),
                bars,
                instrument=PERPETUAL,
                leverage=20,
                margin=margin,
                funding=rates,
                fees=rt.Fees(maker=0.0002, taker=0.0005),
            )
            columns[f"{size} x, {margin}"] = result.stats[figures]
    print(pd.DataFrame(columns).T.astype(float).round(2).to_string())
    print(f"funding: {np.count_nonzero(rates)} instants, {100 * rates.mean():.3f} % on average")

    careful = rt.backtest(DonchianBreakout(), bars, instrument=PERPETUAL, funding=rates)
    print(careful.trades[["direction", "return", "funding", "exit_reason"]].tail(3).to_string())
    print(careful.contract)
