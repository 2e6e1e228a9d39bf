"""FundingCarry: what longs of a perpetual pay, without its price risk."""

from __future__ import annotations

import numpy as np
import pandas as pd

import robotrader_sdk as rt
from robotrader_sdk.errors import StrategyError

_PATIENCE = 3  # bars that a leg may lack before both are closed
_YEAR_DAYS = 365.0


class FundingCarry(rt.PortfolioStrategy):
    """Long spot and short the perpetual of the same base while longs pay much funding.

    Idea: funding ties a perpetual's price to spot: while the crowd is long with leverage, longs
    pay shorts every few hours. Short the perpetual and long as much spot, one earns it, and
    what the price does cancels out. It is worth its four fees only while the rate is high:
    in when the trailing mean, as a rate a year, is above `entry`; out below `exit`.

    Source: the trade is the cash-and-carry of futures; for perpetuals S. He, A. Manela, O. Ross
    and V. von Wachter, "Fundamentals of Perpetual Futures", 2022, who find it profitable in its
    simplest form; and M. Schmeling, A. Schrimpf and K. Todorov, "Crypto Carry", 2023.

    Fails: when the rate turns right after the entry, which then costs its fees for nothing; in
    a steep rise, when the short needs margin while the gain is in the spot leg, which backs
    nothing (keep `weight` low and leverage modest, or it is liquidated); when the exchange
    that holds both legs fails.

    What it needs of the panel: the perpetual's bars with a column `funding_rate`, the sum of the
    rates charged inside each bar, empty or 0 where none was. `with_funding` adds it, and a rate
    is in no earlier bar than the one it was charged in:

        perpetual = FundingCarry.with_funding(bars, rates)
        result = rt.backtest(
            FundingCarry(spot="XRP/USDT", perpetual="XRP/USDT:USDT"),
            {"XRP/USDT": spot_bars, "XRP/USDT:USDT": perpetual},
            instrument={"XRP/USDT:USDT": rt.Instrument("linear_perpetual")},
            funding={"XRP/USDT:USDT": rates},
        )
    """

    spot: str = rt.param("BTC/USDT", description="the symbol that is bought")
    perpetual: str = rt.param("BTC/USDT:USDT", description="the perpetual that is sold short")
    days: int = rt.param(7, ge=1, le=365, description="days of funding in the trailing mean")
    entry: float = rt.param(
        0.1, ge=-10, le=10, description="mean rate a year above which both legs are opened"
    )
    exit: float = rt.param(
        0.05, ge=-10, le=10, description="mean rate a year below which both are closed"
    )
    weight: float = rt.param(
        0.4, gt=0, lt=1, description="each leg's fraction of equity; above .5 needs leverage"
    )
    drift_band: float = rt.param(
        0.05, ge=0, lt=1, description="distance of a leg from its weight that is worth a trade"
    )

    def check(self) -> None:
        """Two legs, and no threshold that would open what the other closes."""
        if self.spot == self.perpetual:
            raise ValueError("spot and perpetual must be two symbols")
        if self.exit > self.entry:
            raise ValueError("exit must not be above entry")

    def target_weights(self, panel: rt.Panel) -> pd.DataFrame:
        """Both legs or none, at every bar; the band decides which of them are traded."""
        carry = self._carry(panel).reindex(panel.index)
        wish = np.select([carry > self.entry, carry < self.exit], [1.0, 0.0], np.nan)
        holds = pd.Series(wish, index=panel.index).ffill().fillna(0.0)
        closes = panel.close[[self.spot, self.perpetual]]
        both = closes.ffill(limit=_PATIENCE).notna().all(axis=1)
        weight = self.weight * holds.where(both, 0.0)
        return pd.DataFrame({self.spot: weight, self.perpetual: -weight})

    @staticmethod
    def with_funding(bars: pd.DataFrame, rates: pd.Series) -> pd.DataFrame:
        """The bars with a column `funding_rate`: the sum of the rates charged inside each.

        rates: fractions of notional by the time they are charged, aware, ascending. A rate
        charged while no bar is there belongs to the next bar; one from before the first or
        after the last to none. NaN where nothing was charged.
        """
        closes = bars.index + bars.index.to_series().diff().min()
        charged = rates[(rates.index >= bars.index[0]) & (rates.index < closes[-1])]
        bar = closes.searchsorted(charged.index, side="right")
        return bars.assign(funding_rate=charged.groupby(bars.index[bar]).sum())

    def _carry(self, panel: rt.Panel) -> pd.Series:
        """The mean rate a year over the last days, at each bar of the perpetual."""
        for name in ("spot", "perpetual"):
            symbol = getattr(self, name)
            if symbol not in panel:
                raise StrategyError(
                    f"FundingCarry: the panel has no symbol {symbol!r}, it has "
                    f"{', '.join(panel)}; name yours with {name}="
                )
        bars = panel[self.perpetual]
        if "funding_rate" not in bars.columns:
            raise StrategyError(
                f"FundingCarry: the bars of {self.perpetual} have no column funding_rate; "
                f"FundingCarry.with_funding(bars, rates) adds it"
            )
        window = pd.Timedelta(days=self.days)
        paid = bars["funding_rate"].fillna(0.0).rolling(window).sum()
        return paid.where(bars.index - bars.index[0] >= window) * (_YEAR_DAYS / self.days)
