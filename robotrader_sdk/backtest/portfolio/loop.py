"""The bars of a panel, one after the other: fills, decisions, delistings, equity."""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.backtest.portfolio.deciders import Decider
from robotrader_sdk.backtest.portfolio.trading import Trader
from robotrader_sdk.strategy.weights import Weights

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Policy:
    """When wishes become orders; see `strategy.portfolio.PortfolioStrategy`.

    scheduled: whether each of the panel's bars is decided at. repeats: on the schedule the newest
    weights are traded again, also when they are not new.
    """

    scheduled: NDArray[np.bool_]
    repeats: bool
    drift_band: float


def run_bars(trader: Trader, decider: Decider, policy: Policy) -> Floats:
    """Run a portfolio; the equity at each close, up to the one at which it fell to 0 or below."""
    account, closes = trader.account, trader.market.close
    wishes = Wishes(policy, len(trader.market.panel))
    equity = np.empty(len(closes))
    time = 0
    while time < len(closes):
        until = min(decider.next_call(time), wishes.next_due(time), len(closes))
        until = min(until, trader.next_delisting(time))
        if trader.is_idle and until > time:
            # Nothing happens: only prices move.
            equity[time:until] = account.equity_at(closes[time:until])
        else:
            until = time + 1
            _run_bar(trader, decider, wishes, time)
            equity[time] = account.equity_at(closes[time])
        if equity[time:until].min() <= 0.0:
            ruined = time + int(np.argmax(equity[time:until] <= 0.0))
            return equity[: ruined + 1]
        time = until
    return equity


def _run_bar(trader: Trader, decider: Decider, wishes: Wishes, time: int) -> None:
    """Fills, then the decision at the close, then what ends there."""
    own_bars = trader.market.panel.bar_numbers[time]
    trader.trade(time, own_bars, at_close=False)
    trader.trade_inside(own_bars)
    if time >= decider.warmup_bars:
        asked = decider.at(time, wishes.is_scheduled(time))
        if asked is not None or wishes.next_due(time) == time:
            trader.account.revalue(trader.market.close[time])
            held, ended = trader.account.weights(), trader.has_ended(time)
            due = wishes.due(time, asked, held, ended)
            if due is not None:
                trader.ask(time, due)
        if trader.at_close:
            trader.trade(time, own_bars, at_close=True)
    trader.delist(time)


class Wishes:
    """The newest weights, and what of them is due: on the schedule, or when they have drifted.

    newest: the last that were asked for, None before. decided: what was last traded towards, NaN
    before.
    """

    def __init__(self, policy: Policy, n_symbols: int) -> None:
        self._policy = policy
        self.newest: Weights | None = None
        self.decided = np.full(n_symbols, np.nan)
        repeated = np.flatnonzero(policy.scheduled & policy.repeats).tolist()
        self._repeated = [*repeated, len(policy.scheduled)]

    def is_scheduled(self, time: int) -> bool:
        """Whether weights are decided at a bar."""
        return bool(self._policy.scheduled[time])

    def next_due(self, time: int) -> int:
        """The first bar from one on at which weights may be due although no new ones are asked."""
        if self._policy.drift_band > 0.0:
            return time
        return self._repeated[bisect_left(self._repeated, time)]

    def due(
        self, time: int, asked: Weights | None, held: Weights, ended: NDArray[np.bool_]
    ) -> Weights | None:
        """The weights to trade now, NaN for symbols that are left alone; None: nothing is.

        held: the weights as they are. ended: which symbols can't be traded any more, and drift
        in nobody's eyes.
        """
        policy = self._policy
        if asked is not None:
            self.newest = asked
        newest = self.newest if policy.repeats else asked
        if policy.scheduled[time] and newest is not None:
            self.decided = newest
            stays = newest * held > 0.0
            within = stays & (np.abs(held - newest) <= policy.drift_band)
            return np.where(within & (policy.drift_band > 0.0), np.nan, newest)
        if policy.drift_band == 0.0:
            return None
        drifted = (np.abs(held - self.decided) > policy.drift_band) & ~ended
        return np.where(drifted, self.decided, np.nan) if drifted.any() else None
