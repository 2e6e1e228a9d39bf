"""Chance that all code shares, clocks read when a class is made, and handles of bars to come."""

from __future__ import annotations

from .shapes import RT, Refusal, bot

REFUSED_ANEW = (
    Refusal(
        "a shared generator that init seeds",
        cells=(
            RT
            + """\
import random
import numpy as np
from random import gauss as normal
class Bot(rt.Strategy):
    def init(self, bars):
        random.seed(5)
        np.random.seed(5)
    def on_bar(self, ctx):
        return random.random() + np.random.rand() + normal(0, 1)
""",
        ),
        problems=(
            ("<cell 1>", 7, "random.seed", "use ctx.rng"),
            ("<cell 1>", 8, "np.random.seed", "use ctx.rng"),
            ("<cell 1>", 10, "normal", "draws from the generator that all code shares"),
            ("<cell 1>", 10, "np.random.rand", "begins anew; use ctx.rng"),
            ("<cell 1>", 10, "random.random", "use ctx.rng"),
        ),
    ),
    Refusal(
        "a shared generator imported inside a function",
        cells=(
            RT
            + """\
def draw():
    import random
    from numpy import random as chance
    import numpy.random as more
    return random.random() + more.normal() + chance.rand()
"""
            + bot("draw()"),
        ),
        problems=(
            ("<cell 1>", 6, "chance.rand", "use ctx.rng"),
            ("<cell 1>", 6, "more.normal", "use ctx.rng"),
            ("<cell 1>", 6, "random.random", "use ctx.rng"),
        ),
    ),
    Refusal(
        "clocks in a class body, a default and a parameter",
        cells=(
            RT
            + """\
import time
from datetime import date, datetime, timezone
def day(c, today=date.today()):
    return today.day
class Bot(rt.Strategy):
    day: int = rt.param(date.today().day)
    year = datetime.now(timezone.utc).year
    began = int(time.time() * 0)
    def on_bar(self, ctx, *, when=time.time_ns() * 0):
        return day(ctx.close)
""",
        ),
        problems=(
            ("<cell 1>", 4, "date.today", "write the time out"),
            ("<cell 1>", 7, "date.today", "is another time whenever a bot is started"),
            ("<cell 1>", 8, "datetime.now", "use ctx.time"),
            ("<cell 1>", 9, "time.time", "use ctx.time"),
            ("<cell 1>", 10, "time.time_ns", "use ctx.time"),
        ),
    ),
    Refusal(
        "handles kept by init",
        cells=(
            RT
            + """\
class Bot(rt.Strategy):
    def init(self, bars):
        self.bars = bars
        self.close, self.n = bars.close, 3
        self.lines: dict = {"open": bars["open"]}
        self.frame = bars.timeframe
        self.sma = self.indicator(rt.ta.sma, bars.close, 3)
    def on_bar(self, ctx):
        pass
""",
        ),
        problems=(
            ("<cell 1>", 4, "self.bars", "register it with self.indicator, or read ctx"),
            ("<cell 1>", 5, "self.close", "stands for the bars to come"),
            ("<cell 1>", 6, "self.lines", "can't be stored between bars"),
        ),
    ),
)
