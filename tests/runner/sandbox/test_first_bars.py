"""Markets that have no bars yet: a bot waits, which is nobody's fault."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.strategy.parametric import Parametric
from runner.sandbox.in_process import InProcess
from runner.sandbox.outcome import Decision, Outcome
from runner.sandbox.wire import MarketTerms
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, Prison, flat_bars, spawn

BTC, ETH = MARKET, MarketTerms("ETH/USDT")
BARS = flat_bars(9)[BTC.symbol]

Bars = Mapping[str, pd.DataFrame]


class Enters(rt.Strategy):
    """Enters at each bar."""

    def signals(self, bars):
        return rt.Signals(enter_long=pd.Series(True, bars.index))


class Buys(rt.Strategy):
    """Buys at each bar, and counts."""

    def on_bar(self, ctx):
        self.count = getattr(self, "count", 0) + 1
        ctx.buy(quantity=self.count)


class Halves(rt.PortfolioStrategy):
    """Half of the money in each market."""

    def target_weights(self, panel):
        return pd.DataFrame(0.5, panel.index, list(panel))


class BuysBoth(rt.PortfolioStrategy):
    """Buys each market at each bar, and counts."""

    def on_bar(self, ctx):
        self.count = getattr(self, "count", 0) + 1
        for symbol in ctx.symbols:
            ctx[symbol].buy(quantity=self.count)


FORMS: list[type[Parametric]] = [Enters, Buys, Halves, BuysBoth]


def _markets(form: type[Parametric]) -> tuple[MarketTerms, ...]:
    return (BTC, ETH) if issubclass(form, rt.PortfolioStrategy) else (BTC,)


def _enough(markets: Sequence[MarketTerms]) -> Bars:
    return {market.symbol: BARS.iloc[:4] for market in markets}


async def _asked(bot, bars: Sequence[Bars]) -> list[Decision]:
    decisions = [await bot.decide(histories, RICH) for histories in bars]
    await bot.kill()
    return decisions


def _wait(decisions: Sequence[Decision], state: bytes) -> bool:
    return all(
        (d.outcome, d.intents, d.state, d.reason) == (Outcome.DECIDED, (), state, "")
        for d in decisions
    )


@pytest.mark.parametrize("form", FORMS)
def test_nothing_is_decided_before_there_are_bars(prison: Prison, form: type[Parametric]) -> None:
    markets = _markets(form)
    one_is_late = [{BTC.symbol: BARS.iloc[:3]}] * (len(markets) - 1)
    bars = [{}, {BTC.symbol: BARS.iloc[:0]}, *one_is_late, _enough(markets)]
    here = InProcess(form(), markets=markets, timeframe=HOUR)

    async def jailed() -> list[Decision]:
        return await _asked(await spawn(prison.jail, form, markets=markets), bars)

    found = asyncio.run(_asked(here, bars)), prison.run(jailed())
    for *early, last in found:
        assert _wait(early, b"")
        assert last.intents
    assert repr(found[0][-1]) == repr(found[1][-1])
    assert not here.strikes._failures


@pytest.mark.parametrize("form", FORMS)
def test_a_state_stays_as_it_was_while_there_are_no_bars(form: type[Parametric]) -> None:
    markets = _markets(form)
    before = InProcess(form(), markets=markets, timeframe=HOUR)
    asyncio.run(before.decide(_enough(markets), RICH))
    after = InProcess(form(), before.state, markets=markets, timeframe=HOUR)
    assert _wait(asyncio.run(_asked(after, [{}, {}])), before.state)


@pytest.mark.parametrize("form", [Halves, BuysBoth])
def test_a_panel_of_one_bar_is_waited_with(form: type[Parametric]) -> None:
    markets = (BTC, ETH)
    bot = InProcess(form(), markets=markets, timeframe=HOUR)
    first = {market.symbol: BARS.iloc[:1] for market in markets}
    only, then = asyncio.run(_asked(bot, [first, _enough(markets)]))
    assert _wait([only], b"")
    assert then.intents
