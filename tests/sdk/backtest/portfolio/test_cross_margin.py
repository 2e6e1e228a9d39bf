"""Several perpetuals in one cross margin: each is backed by what the others leave."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt

BTC, ETH = "BTC/USDT:USDT", "ETH/USDT:USDT"


def bars(*rows: tuple[float, float, float, float]) -> pd.DataFrame:
    index = pd.date_range("2024-01-01", periods=len(rows), freq="h", tz="UTC", name="open_time")
    columns = ["open", "high", "low", "close"]
    return pd.DataFrame(np.array(rows, float), columns=columns, index=index).assign(volume=1.0)


class Both(rt.PortfolioStrategy):
    """Long of both from the second bar on."""

    def on_bar(self, ctx: Any) -> None:
        if ctx[BTC].bar_number == 0:
            ctx[BTC].buy(quantity=109.488)
            ctx[ETH].buy(quantity=3_683.979)


def perpetual(rate: float, amount: float, max_leverage: float) -> rt.Instrument:
    tiers = [rt.MarginTier(0.0, rate, max_leverage, amount)]
    return rt.Instrument("linear_perpetual", max_leverage=max_leverage, maintenance_margin=tiers)


def run(btc_low: float, eth_low: float) -> rt.PortfolioResult:
    """Binance's example: both bought at the entry price, then at the mark, then down to a low."""
    btc, eth = 31_967.27, 1_335.18
    panel = {
        BTC: bars((32_481.98,) * 4, (32_481.98,) * 4, (btc,) * 4, (btc, btc, btc_low, btc)),
        ETH: bars((1_456.84,) * 4, (1_456.84,) * 4, (eth,) * 4, (eth, eth, eth_low, eth)),
    }
    return rt.backtest(
        Both(),
        panel,
        cash=1_535_443.01,
        fees=rt.Fees(0, 0),
        instrument={BTC: perpetual(0.025, 16_300.0, 20), ETH: perpetual(0.1, 135_365.0, 10)},
        leverage={BTC: 20, ETH: 10},
        margin="cross",
    )


@pytest.mark.parametrize(
    ("symbol", "survives", "does_not", "level"),
    [
        (BTC, (26_317.5, 1_335.18), (26_316.0, 1_335.18), 26_316.89),
        (ETH, (31_967.27, 1_153.5), (31_967.27, 1_153.0), 1_153.26),
    ],
)
def test_binances_example_of_cross_margin(
    symbol: str, survives: tuple[float, float], does_not: tuple[float, float], level: float
) -> None:
    assert "liquidation" not in run(*survives).trades["exit_reason"].tolist()
    trades = run(*does_not).trades
    liquidated = trades[trades["exit_reason"] == "liquidation"]
    assert liquidated["symbol"].tolist() == [symbol]
    assert liquidated["exit_price"].tolist() == pytest.approx([level], abs=0.005)
