"""Run every strategy for one symbol over the same real bars and compare the figures."""

import pandas as pd

import robotrader_sdk as rt
from strategies.catalog import CATALOG

FIGURES = ["total_return", "sharpe", "max_drawdown", "exposure", "n_trades", "fees_paid"]

if __name__ == "__main__":
    bars = rt.sample_bars("MSFT")
    market = rt.Instrument("spot", tick_size=0.01, lot_size=0.001, min_notional=10)
    table = pd.DataFrame(
        {
            name: rt.backtest(entry.load()(), bars, instrument=market).stats[FIGURES]
            for name, entry in CATALOG.items()
            if entry.market == "symbol"
        }
    ).T.astype(float)
    print(table.sort_values("sharpe", ascending=False).round(3).to_string())
    print("One market, one history, default parameters: a comparison, no recommendation.")
