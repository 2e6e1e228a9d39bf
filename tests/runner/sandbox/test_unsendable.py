"""What fits into no frame, or can't be written at all: told in words, and no death."""

from __future__ import annotations

import asyncio

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import Bundle
from runner.sandbox.in_process import InProcess
from runner.sandbox.logs import MOST_BYTES, Logs
from runner.sandbox.outcome import Decision, Outcome
from runner.sandbox.settings import BotLimits
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, Prison, flat_bars, spawn

WIDE = "満" * 500
MANY = BotLimits(intents=1_000)


def _bundle(on_bar: str, declared: str = "") -> Bundle:
    source = f"""
import robotrader_sdk as rt


class Bot(rt.Strategy):
    {declared}

    def on_bar(self, ctx):
        self.count = getattr(self, "count", 0) + 1
        {on_bar}
"""
    return Bundle.of("Bot", source)


def _decided(prison: Prison, bundle: Bundle, limits: BotLimits) -> list[Decision]:
    async def work() -> list[Decision]:
        bot = await spawn(prison.jail, bundle, limits=limits)
        found = [await bot.decide(flat_bars(n), RICH) for n in (3, 4)]
        await bot.kill()
        return found

    return prison.run(work())


class Says(rt.Strategy):
    """Says as much as it may, in characters that take three bytes each, and orders as much."""

    def on_bar(self, ctx):
        for number in range(50):
            print(f"{number:02}" + "満" * 498)
        for _ in range(100):
            ctx.buy(quantity=1 / 3, limit_price=200 / 3, stop_loss=0.1, take_profit=0.1)


def test_what_is_said_within_the_limits_fits_beside_all_orders(prison: Prison) -> None:
    async def jailed() -> Decision:
        bot = await spawn(prison.jail, Says)
        decision = await bot.decide(flat_bars(3), RICH)
        await bot.kill()
        return decision

    here = InProcess(Says(), markets=(MARKET,), timeframe=HOUR)
    found = prison.run(jailed()), asyncio.run(here.decide(flat_bars(3), RICH))
    for decision in found:
        assert decision.outcome is Outcome.DECIDED, decision.reason
        assert len(decision.intents) == 100
        assert decision.logs[-1] == f"({51 - len(decision.logs)} more lines were not kept)"
    assert found[0].logs == found[1].logs


def test_fifty_lines_of_plain_text_are_all_kept() -> None:
    logs = Logs(50, 500)
    for _ in range(50):
        print("x" * 600, file=logs)
    assert [len(line) for line in logs.take()] == [500] * 50


def test_the_bytes_of_an_answer_are_counted_anew() -> None:
    logs = Logs(50, 500)
    for _ in range(3):
        print("\n".join([WIDE] * 50), file=logs)
        taken = logs.take()
        assert len(taken) > 20
        assert len("".join(taken).encode()) < MOST_BYTES


@pytest.mark.parametrize("on_bar", [r"print('a\ud800b')", r"raise ValueError('a\ud800b')"])
def test_half_a_character_becomes_a_question_mark(prison: Prison, on_bar: str) -> None:
    for decision in _decided(prison, _bundle(on_bar), BotLimits()):
        assert decision.outcome in (Outcome.DECIDED, Outcome.RAISED), decision.reason
        assert "a?b" in "".join([*decision.logs, decision.reason])


@pytest.mark.parametrize(
    ("on_bar", "outcome", "said"),
    [
        ("for _ in range(1_000): ctx.buy(quantity=1)", Outcome.FLOODED, "a frame of"),
        ("ctx.buy(quantity=1).valid_bars = 2**70", Outcome.RAISED, "can't serialize ints"),
        ("ctx.buy(quantity=1).size = 1j", Outcome.RAISED, "complex"),
    ],
)
def test_an_answer_that_can_not_be_sent_is_told_and_leaves_the_state(
    prison: Prison, on_bar: str, outcome: Outcome, said: str
) -> None:
    bundle = _bundle(f"print('bar', self.count)\n        {on_bar}")
    for decision in _decided(prison, bundle, MANY):
        assert (decision.outcome, decision.state) == (outcome, b"")
        assert "its answer can't be sent: " in decision.reason
        assert said in decision.reason
        assert decision.logs == ("bar 1",)


@pytest.mark.parametrize(
    ("declared", "outcome", "said"),
    [
        ("x: complex = rt.param(1j)", Outcome.RAISED, "complex"),
        (r"x: str = rt.param('\ud800')", Outcome.RAISED, "surrogates"),
        ("x: str = rt.param('x' * 70_000)", Outcome.FLOODED, "a frame of"),
    ],
)
def test_parameters_that_can_not_be_told_are_no_death(
    prison: Prison, declared: str, outcome: Outcome, said: str
) -> None:
    for decision in _decided(prison, _bundle("pass", declared), BotLimits()):
        assert decision.outcome is outcome
        assert said in decision.reason
