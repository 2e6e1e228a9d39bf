"""Rotate among five stocks by momentum, and see what each of them did. Needs no network."""

import robotrader_sdk as rt
from robotrader_sdk.data.samples import SAMPLES
from strategies import MomentumRotation

if __name__ == "__main__":
    panel = {symbol: rt.sample_bars(symbol) for symbol in SAMPLES}
    result = rt.backtest(MomentumRotation(lookback=252, skip=21, top=2), panel)

    print(result.coverage[["first_bar", "bars"]].to_string())
    figures = ["total_return", "sharpe", "max_drawdown", "exposure", "n_trades", "fees_paid"]
    print(result.stats[[*figures, "buy_hold_return"]].to_string())
    print(result.attribution.round(2).to_string())
    print(result.weights.resample("YE").last().round(2).to_string())
    print(f"{result.strategy}: {result.contract}")
    print("The stocks are some that are well known today: momentum of chosen winners.")
