"""What only a process of its own shows, and a bot that is started again from what it kept."""

from __future__ import annotations

import decimal
import time
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy import elsewhere
from robotrader_sdk.deploy.bundle import Bundle, check_bundle, make_bundle
from robotrader_sdk.deploy.check import question_of
from robotrader_sdk.deploy.fresh import answer
from robotrader_sdk.errors import BundleDiffersError, BundleError, DeployError

from .shapes import RT, Shape, bot, loaded

HEAD = (
    RT
    + """\
import decimal
import functools
import itertools
import warnings
from collections import defaultdict, deque
import numpy as np
import pandas as pd
"""
)


def checked(text: str, folder: Path, bars: Any = None) -> rt.BacktestResult:
    with loaded(Shape("", cells=(text,)), folder, "elsewhere") as module:
        return check_bundle(make_bundle(module.Bot), module.Bot(), bars)


@pytest.fixture
def process() -> Iterator[None]:
    """The settings of this process as they were."""
    context = decimal.getcontext().copy()
    with np.errstate(), warnings.catch_warnings():
        yield
    decimal.setcontext(context)
    if hasattr(pd.Series, "up"):
        del pd.Series.up


SETTINGS = {
    "numpy's errors": """\
np.seterr(all="raise")
def f(c):
    try:
        np.float64(c) / np.float64(0.0)
    except FloatingPointError:
        return 1.0
    return 2.0
""",
    "decimal's precision": """\
decimal.getcontext().prec = 3
def f(c):
    return float(decimal.Decimal(c) / 7)
""",
    "warnings as errors": """\
warnings.filterwarnings("error", message="rare")
def f(c):
    try:
        warnings.warn("rare")
    except UserWarning:
        return 1.0
    return 2.0
""",
    "the hash of a text": """\
def f(c):
    return 1.0 + hash("some text") % 1000
""",
    "an attribute of pandas": """\
pd.Series.up = lambda s: float(len(s))
def f(c):
    return pd.Series([c]).up()
""",
}


@pytest.mark.parametrize("setting", SETTINGS)
def test_what_was_set_for_the_process_doesnt_travel(
    setting: str, process: None, bars: Any, tmp_path: Path
) -> None:
    text = HEAD + SETTINGS[setting] + bot("f(ctx.close)")
    with pytest.raises(BundleDiffersError, match=r"in this process the bundle trades as") as caught:
        checked(text, tmp_path, bars)
    assert len(str(caught.value).splitlines()) == 1


def test_a_failure_elsewhere_shows_its_line(process: None, bars: Any, tmp_path: Path) -> None:
    text = HEAD + SETTINGS["an attribute of pandas"] + bot("f(ctx.close)")
    with pytest.raises(BundleDiffersError, match=r"line \d+: return pd.Series\(\[c\]\).up\(\)\)"):
        checked(text, tmp_path, bars)


SHARED = {
    "a deque": ("seen = deque(maxlen=9)", "self.seen.append(1) or len(self.seen)"),
    "a defaultdict": ("n = defaultdict(list)", "self.n['x'].append(1) or len(self.n['x'])"),
    "an array": ("w = np.zeros(3)", "self.w.__setitem__(0, self.w[0] + 1) or self.w[0] % 5"),
    "a count": ("c = itertools.count()", "next(self.c) % 5"),
    "a class in it": (
        "class Memo:\n        n = deque()",
        "self.Memo.n.append(1) or len(self.Memo.n)",
    ),
    "a default": ("", "by_default()"),
    "a keyword's default": ("", "by_keyword()"),
    "a closure": ("", "by_closure()"),
    "an instance": ("", "THE.up()"),
}
SHARING = """
def by_default(memo={'n': 0}):
    memo['n'] += 1
    return memo['n'] % 5
def by_keyword(*, memo=[0]):
    memo[0] += 1
    return memo[0] % 5
def make():
    n = 0
    def f():
        nonlocal n
        n += 1
        return n % 5
    return f
by_closure = make()
class T:
    def __init__(self):
        self.d = deque()
    def up(self):
        self.d.append(1)
        return len(self.d) % 5
THE = T()
"""


@pytest.mark.parametrize("kind", SHARED)
def test_what_a_restarted_bot_loses_is_refused(kind: str, bars: Any, tmp_path: Path) -> None:
    attribute, bump = SHARED[kind]
    text = HEAD + SHARING + bot(f"1.0 + ({bump})", f"    {attribute}\n")
    given = asked(text, tmp_path, bars)
    assert given is not None
    assert given[0] == "BundleDiffersError"
    assert given[1].startswith("Bot changes ")
    assert "keep it on self" in given[1]


HIDDEN = {
    "a cache on a method": (
        "    @functools.cache\n    def first(self, ctx):\n        return ctx.close\n",
        "1.0 + (self.first(ctx) != ctx.close)",
    ),
    "a partial's argument": (
        "    f = functools.partial(lambda memo: memo.append(1) or len(memo), [])\n",
        "1.0 + self.f() % 7",
    ),
    "a generator": ("    g = (n for n in range(1000))\n", "1.0 + next(self.g) % 7"),
}


@pytest.mark.parametrize("kind", HIDDEN)
def test_what_cant_be_looked_into_shows_in_a_run_with_restarts(
    kind: str, bars: Any, tmp_path: Path
) -> None:
    extra, amount = HIDDEN[kind]
    given = asked(HEAD + bot(amount, extra), tmp_path, bars)
    assert given is not None
    assert given[1].startswith("Bot decides differently once it is started again from what it keep")
    assert "keep it on self" in given[1]


def asked(text: str, folder: Path, bars: Any) -> tuple[str, str] | None:
    """What the other process would say, here."""
    with loaded(Shape("", cells=(text,)), folder, "asked") as module:
        return answer(question_of(make_bundle(module.Bot), module.Bot(), bars)[1]).problem


KEPT = (
    HEAD
    + """\
from dataclasses import dataclass, field
from enum import Enum

class Mode(Enum):
    UP = 1
    DOWN = 2

@dataclass
class Memory:
    mode: Mode
    seen: deque = field(default_factory=deque)

class Bot(rt.Strategy):
    start: Mode = rt.param(Mode.UP)

    def init(self, bars):
        self.fast, self.slow = (self.indicator(rt.ta.sma, bars.close, n) for n in (2, 3))
        self.lines = [self.slow, self.fast]
        self.memory = Memory(self.start)
        self.count = itertools.count(1)
        self.order = None

    def on_bar(self, ctx):
        self.memory.seen.append(ctx.close)
        self.memory.mode = Mode.DOWN if self.memory.mode is Mode.UP else Mode.UP
        if self.order is not None and self.order in ctx.orders:
            ctx.cancel(self.order)
        if self.lines[1] is not self.fast:
            raise ValueError("another indicator")
        amount = 1 + next(self.count) % 5 + len(self.memory.seen) % 3
        if self.memory.mode is Mode.UP:
            self.order = ctx.buy(quantity=amount, limit_price=ctx.close * 0.99)
        elif ctx.position:
            ctx.close_position()
"""
)


def test_what_is_kept_on_self_is_found_again(bars: Any, tmp_path: Path) -> None:
    """Own classes, indicators, orders, iterators, and a parameter of the user's own Enum."""
    result = checked(KEPT, tmp_path, bars)
    assert len(result.fills) > 0
    assert "cancelled" in set(result.orders.status.astype(str).str.lower())


def test_parameters_of_own_enums_go_by_name(bars: Any, tmp_path: Path) -> None:
    with loaded(Shape("", cells=(KEPT,)), tmp_path, "enum") as module:
        bundle = make_bundle(module.Bot)
        check_bundle(bundle, module.Bot(start=module.Mode.DOWN), bars)
        other = Bundle(
            "Bot", bundle.source.replace("DOWN = 2", "LOW = 2").replace("Mode.DOWN", "Mode.LOW")
        )
        with pytest.raises(BundleDiffersError, match="can't be made from its bundle with the same"):
            check_bundle(other, module.Bot(start=module.Mode.DOWN), bars)


def test_a_process_that_ends_is_told(bars: Any, tmp_path: Path) -> None:
    with loaded(Shape("", cells=(RT + bot(),)), tmp_path, "ends") as module:
        source = make_bundle(module.Bot).source.replace("amount = 1.0", "raise SystemExit(3)")
        other = Bundle("Bot", source)
        with pytest.raises(DeployError, match=r"has ended the process it was checked in \(code 3"):
            check_bundle(other, module.Bot, bars)


def test_one_that_takes_too_long_is_ended(
    bars: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(elsewhere, "LONGEST_START", 1.0)
    monkeypatch.setattr(elsewhere, "TIMES_AS_LONG", 0.0)
    text = RT + "import time\n" + bot("1.0")
    with loaded(Shape("", cells=(text,)), tmp_path, "slow") as module:
        source = make_bundle(module.Bot).source
        slow = "import time\n" + source.replace("amount = 1.0", "time.sleep(60)")
        began = time.perf_counter()
        with pytest.raises(DeployError, match=r"Bot takes more than 1 s in a process of its own"):
            check_bundle(Bundle("Bot", slow), module.Bot, bars)
    assert time.perf_counter() - began < 30


def test_what_it_prints_goes_nowhere(bars: Any, tmp_path: Path, capfd: Any) -> None:
    with loaded(Shape("", cells=(RT + bot(),)), tmp_path, "prints") as module:
        source = make_bundle(module.Bot).source
        loud = source.replace("amount = 1.0", "amount = 1.0; print('loud')")
        check_bundle(Bundle("Bot", loud), module.Bot, bars)
    assert capfd.readouterr().out == ""


def test_a_bundle_that_cant_be_read_elsewhere_either(bars: Any, tmp_path: Path) -> None:
    with loaded(Shape("", cells=(RT + bot(),)), tmp_path, "unread") as module:
        broken = Bundle(
            "Bot", "import robotrader_sdk as rt\nclass Bot(rt.Strategy):\n    x = 1 / 0\n"
        )
        with pytest.raises(BundleError, match=r"can't be loaded: ZeroDivisionError.*line 3: x = 1"):
            check_bundle(broken, module.Bot, bars)
