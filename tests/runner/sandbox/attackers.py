"""User code that attacks from inside: what it is made of, and what becomes of it."""

from __future__ import annotations

import textwrap
from dataclasses import dataclass, field, replace
from typing import Any

from robotrader_sdk.data.synthetic import synthetic_bars
from robotrader_sdk.deploy.bundle import Bundle
from runner.sandbox.outcome import Decision, Outcome
from runner.sandbox.settings import BotLimits
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, Prison

BARS = synthetic_bars(24, "1h", seed=1)
PATIENT = BotLimits(wall_seconds=60.0, cpu_seconds=20.0, start_seconds=60.0, memory_bytes=64 << 20)
"""For what ends by itself, however busy the machine is."""

_TOOLS = '''
import os
import struct
import sys

import msgspec
import robotrader_sdk as rt


def sequence():
    """The number of the question that is being asked, found in the frames below."""
    frame = sys._getframe()
    while frame is not None:
        question = frame.f_locals.get("question")
        if hasattr(question, "sequence"):
            return question.sequence
        frame = frame.f_back


def write(data):
    while data:
        data = data[os.write(3, data):]


def frame(payload):
    return struct.pack("<I", len(payload)) + payload


def message(name, **fields):
    return frame(msgspec.msgpack.encode({"@": name, **fields}))


def answer(number=None, intents=(), logs=(), state_bytes=0):
    number = sequence() if number is None else number
    fields = {"sequence": number, "intents": intents, "logs": logs, "state_bytes": state_bytes}
    return message("Answer", **fields)


def place(symbol="BTC/USDT", **fields):
    """An order that is all right, but for what is said to be different."""
    nan = float("nan")
    prices = ("limit_price", "stop_price", "stop_loss", "take_profit", "trailing_stop",
              "stop_loss_price", "take_profit_price")
    order = {"@": "Place", "symbol": symbol, "number": 1, "side": 1, "type": 0, "purpose": 0,
             "size_unit": 0, "size": 1.0, "valid_bars": 0, **dict.fromkeys(prices, nan)}
    return {**order, **fields}


'''


@dataclass(frozen=True, slots=True)
class Attack:
    """What `on_bar` does, and what may become of it.

    beside: code of the class beside `on_bar`. above: code above the class.
    """

    name: str
    on_bar: str
    outcomes: tuple[Outcome, ...]
    reason: str = ""
    limits: BotLimits = field(default=PATIENT)
    beside: str = ""
    above: str = ""

    @property
    def bundle(self) -> Bundle:
        """Ready to travel."""
        return bundle(self.on_bar, beside=self.beside, above=self.above)


def bundle(on_bar: str, *, beside: str = "", above: str = "") -> Bundle:
    """A strategy `Bot` with these pieces of code."""
    body = textwrap.indent(textwrap.dedent(on_bar).strip(), " " * 8)
    more = textwrap.indent(textwrap.dedent(beside).strip(), " " * 4)
    top = f"{_TOOLS}{textwrap.dedent(above).strip()}\n\n\nclass Bot(rt.Strategy):\n"
    return Bundle.of("Bot", f"{top}{more}\n    def on_bar(self, ctx):\n{body}\n")


def decide(
    prison: Prison,
    code: Bundle,
    *,
    limits: BotLimits = PATIENT,
    questions: int = 1,
    params: dict[str, Any] | None = None,
    state: bytes = b"",
) -> list[Decision]:
    """What a bot decides at some bars, one after the other; it is ended afterwards."""

    async def ask() -> list[Decision]:
        bot = await prison.jail.spawn(
            code, params or {}, state, markets=(MARKET,), timeframe=HOUR, limits=limits
        )
        try:
            first = len(BARS) - questions + 1
            return [
                await bot.decide({MARKET.symbol: BARS.iloc[:n]}, RICH)
                for n in range(first, len(BARS) + 1)
            ]
        finally:
            await bot.kill()

    decisions: list[Decision] = prison.run(ask())
    return decisions


def assert_still_serves(prison: Prison) -> None:
    """An innocent bot is served as if nothing had been."""
    (decision,) = decide(prison, bundle("ctx.buy(quantity=1)"))
    assert decision.is_decided, decision.reason
    assert len(decision.intents) == 1


def hurried(**limits: float) -> BotLimits:
    """Limits that are soon reached."""
    return replace(PATIENT, **limits)  # type: ignore[arg-type]  # those in seconds
