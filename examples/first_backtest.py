"""Write a strategy, run it over real daily bars, read what it did. Needs no network."""

import pandas as pd

import robotrader_sdk as rt


class MonthHigh(rt.Strategy):
    """Long from the highest close of `length` bars until the lowest."""

    length: int = rt.param(20, ge=2, le=250, description="bars to look back")

    @property
    def warmup_bars(self) -> int:
        """As many bars as it looks back."""
        return self.length - 1

    def signals(self, bars: pd.DataFrame) -> rt.Signals:
        """Enter at the highest close, exit at the lowest, with a stop 15 % below the entry."""
        highest = rt.ta.highest(bars.close, self.length)
        lowest = rt.ta.lowest(bars.close, self.length)
        return rt.Signals(
            enter_long=bars.close >= highest,
            exit_long=bars.close <= lowest,
            stop_loss=0.15,
            indicators={"highest": highest, "lowest": lowest},
        )


if __name__ == "__main__":
    result = rt.backtest(MonthHigh(length=20), rt.sample_bars("MSFT"), cash=10_000)

    figures = ["final_equity", "total_return", "sharpe", "max_drawdown", "n_trades", "win_rate"]
    print(result.stats[[*figures, "buy_hold_return"]].to_string())
    print(result.trades[["entry_time", "exit_time", "return", "exit_reason"]].tail().to_string())
    print(f"{result.strategy}: {result.contract}")
