"""The bars of a panel, one after the other: fills, decisions, delistings, equity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.portfolio.deciders import Decider
from robotrader_sdk.backtest.portfolio.trading import Trader
from robotrader_sdk.strategy.weights import Weights


@dataclass(frozen=True)
class Policy:
    """When wishes become orders; see `strategy.portfolio.PortfolioStrategy`.

    scheduled: whether each of the panel's bars is decided at. repeats: on the schedule the newest
    weights are traded again, also when they are not new.
    """

    scheduled: NDArray[np.bool_]
    repeats: bool
    drift_band: float


def run_bars(trader: Trader, decider: Decider, policy: Policy) -> NDArray[np.float64]:
    """Run a portfolio; the equity at each close, up to the one at which it fell to 0 or below."""
    market, account = trader.market, trader.account
    numbers, closes = market.panel.bar_numbers, market.close
    equity = np.empty(len(closes))
    wishes = Wishes(policy, len(market.panel))
    for time in range(len(closes)):
        own_bars = numbers[time]
        trader.trade(time, own_bars, at_close=False)
        trader.trade_inside(own_bars)
        if time >= decider.warmup_bars:
            asked = decider.at(time, bool(policy.scheduled[time]))
            if wishes.may_be_due(time, asked):
                account.revalue(closes[time])
                due = wishes.due(time, asked, account.weights(), trader.has_ended(time))
                if due is not None:
                    trader.ask(time, due)
            if trader.at_close:
                trader.trade(time, own_bars, at_close=True)
        trader.delist(time)
        equity[time] = account.equity_at(closes[time])
        if equity[time] <= 0.0:
            return equity[: time + 1]
    return equity


class Wishes:
    """The newest weights, and what of them is due: on the schedule, or when they have drifted."""

    def __init__(self, policy: Policy, n_symbols: int) -> None:
        self._policy = policy
        self._newest: Weights | None = None
        self._decided = np.full(n_symbols, np.nan)

    def may_be_due(self, time: int, asked: Weights | None) -> bool:
        """Whether `due` has to be asked; False spares a quiet bar the look at the account."""
        repeated = self._policy.repeats and bool(self._policy.scheduled[time])
        return asked is not None or repeated or self._policy.drift_band > 0.0

    def due(
        self, time: int, asked: Weights | None, held: Weights, ended: NDArray[np.bool_]
    ) -> Weights | None:
        """The weights to trade now, NaN for symbols that are left alone; None: nothing is.

        held: the weights as they are. ended: which symbols can't be traded any more, and drift
        in nobody's eyes.
        """
        policy = self._policy
        if asked is not None:
            self._newest = asked
        newest = self._newest if policy.repeats else asked
        if policy.scheduled[time] and newest is not None:
            self._decided = newest
            stays = newest * held > 0.0
            within = stays & (np.abs(held - newest) <= policy.drift_band)
            return np.where(within & (policy.drift_band > 0.0), np.nan, newest)
        if policy.drift_band == 0.0:
            return None
        drifted = (np.abs(held - self._decided) > policy.drift_band) & ~ended
        return np.where(drifted, self._decided, np.nan) if drifted.any() else None
