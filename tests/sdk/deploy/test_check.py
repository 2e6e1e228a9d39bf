"""The check before anything is sent: the bundle trades alike, and its state can be stored."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import Bundle, check_bundle, make_bundle
from robotrader_sdk.errors import BundleDiffersError, DeployError, StateError
from strategies import BuyAndHold, FundingCarry, MomentumRotation, SmaCross

from .shapes import RT, Shape, bot, loaded


def checked(text: str, folder: Path, bars: Any = None) -> rt.BacktestResult:
    with loaded(Shape("", cells=(text,)), folder, "checked") as module:
        return check_bundle(make_bundle(module.Bot), module.Bot(), bars)


def test_gives_the_result_that_both_had(bars: Any) -> None:
    result = check_bundle(make_bundle(SmaCross), SmaCross(fast=2, slow=5), bars)
    expected = rt.backtest(SmaCross(fast=2, slow=5), bars)
    assert result.strategy == expected.strategy
    assert result.equity_values.tobytes() == expected.equity_values.tobytes()


def test_makes_bars_up_when_given_none() -> None:
    assert check_bundle(make_bundle(SmaCross), SmaCross).bars.shape[0] == 300
    long = check_bundle(make_bundle(SmaCross), SmaCross(fast=10, slow=400))
    assert long.bars.shape[0] == 3_000
    panel = check_bundle(make_bundle(MomentumRotation), MomentumRotation)
    assert isinstance(panel, rt.PortfolioResult)
    assert len(panel.fills) > 0


@pytest.mark.parametrize(
    ("change", "difference"),
    [
        (
            ("quantity=2.0", "quantity=2.0000000000000004"),
            "fills: row 0, quantity: 2.0 and 2.0000000000000004",
        ),
        (("ctx.close > ctx.open", "ctx.close < ctx.open"), "fills: row 0, time: "),
        (("ctx.close_position()", "pass"), "fills: "),
        (("quantity=2.0", "quantity=2.0, stop_loss=0.5"), "fills: row 1, "),
    ],
)
def test_the_first_difference_is_named(
    change: tuple[str, str], difference: str, bars: Any, tmp_path: Path
) -> None:
    text = RT + bot("2.0").replace("quantity=amount", "quantity=2.0")
    with loaded(Shape("", cells=(text,)), tmp_path, "differs") as module:
        source = make_bundle(module.Bot).source
        assert change[0] in source
        other = Bundle("Bot", source.replace(*change))
        with pytest.raises(BundleDiffersError, match="Bot and its bundle differ in ") as caught:
            check_bundle(other, module.Bot, bars)
    assert difference in str(caught.value)
    assert len(str(caught.value).splitlines()) == 1


def test_a_rejected_order_counts(bars: Any, tmp_path: Path) -> None:
    text = RT + bot("1e9")
    with loaded(Shape("", cells=(text,)), tmp_path, "rejected") as module:
        bundle = make_bundle(module.Bot)
        assert len(check_bundle(bundle, module.Bot, bars).rejected) > 0
        other = Bundle("Bot", bundle.source.replace("1e9", "2e9"))
        with pytest.raises(BundleDiffersError, match="differ in rejected: row 0, quantity"):
            check_bundle(other, module.Bot, bars)


def test_chance_is_told_from_a_difference_of_code(bars: Any, tmp_path: Path) -> None:
    text = RT + "import numpy as np\n" + bot("1 + np.random.default_rng().random()")
    with pytest.raises(BundleDiffersError, match="nor does the class give the same twice: use ctx"):
        checked(text, tmp_path, bars)


def test_a_bundle_that_fails_where_the_class_runs(bars: Any) -> None:
    source = make_bundle_source().replace("amount = 1.0", "amount = 1.0 / 0")
    with pytest.raises(BundleDiffersError, match=r"Bot runs, and its bundle doesn't: .*division"):
        check_bundle(Bundle("Bot", source), SAME, bars)


class Same(rt.Strategy):
    def on_bar(self, ctx: rt.Context) -> None:
        if ctx.position:
            ctx.close_position()


SAME = Same()


def make_bundle_source() -> str:
    return RT + bot()


SHARED = """\
class Bot(rt.Strategy):
    seen = []

    def on_bar(self, ctx):
        self.seen.append(ctx.close)
"""
COUNTED = """\
class Bot(rt.Strategy):
    count = 0

    def on_bar(self, ctx):
        type(self).count += 1
"""


@pytest.mark.parametrize(("text", "name"), [(SHARED, "Bot.seen"), (COUNTED, "Bot.count")])
def test_what_a_run_changes_beside_self_is_named(
    text: str, name: str, bars: Any, tmp_path: Path
) -> None:
    source = RT + text
    with pytest.raises(BundleDiffersError, match=rf"Bot changes {name} while it runs, which a"):
        check_bundle(Bundle("Bot", source), SAME, bars)


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("seen = deque(maxlen=50)", "Bot.seen"),
        ("seen = defaultdict(list, a=[])", "Bot.seen"),
    ],
)
def test_a_shared_container_of_any_kind_is_looked_into(
    text: str, name: str, bars: Any, tmp_path: Path
) -> None:
    source = "from collections import defaultdict, deque\n" + bot("1.0", f"    {text}\n")
    used = "self.seen['a'].append(1)" if "dict" in text else "self.seen.append(1)"
    source = source.replace("amount = 1.0", f"{used}\n        amount = 1.0")
    with pytest.raises(BundleDiffersError, match=rf"Bot changes {name} while it runs, which a"):
        checked(RT + source, tmp_path, bars)


KEEPS = """\
class Bot(rt.Strategy):
    def init(self, bars):
        {init}

    def on_bar(self, ctx):
        {on_bar}
"""


@pytest.mark.parametrize(
    ("init", "on_bar", "reason"),
    [
        (
            "self.f = lambda x: x",
            "pass",
            r"keeps in self.f what can't be stored between bars \(function",
        ),
        (
            "close = bars.close; self.lines = [close]",
            "pass",
            r"keeps in self.lines .*: bars.close stands for the bars to come; register it with",
        ),
        ("pass", "self.rows = (x for x in [1])", r"self.rows what can't be stored .*generator"),
        ("self.a = {'b': [lambda: 1]}", "pass", r"self.a what can't be stored"),
        (
            "self.log = []",
            "self.log.append('x' * 100_000)",
            r"bytes between bars, .* in self.log; 1,000,000 at most",
        ),
    ],
)
def test_what_cant_be_kept_between_bars_is_named(
    init: str, on_bar: str, reason: str, bars: Any, tmp_path: Path
) -> None:
    with pytest.raises(StateError, match=reason) as caught:
        checked(RT + KEEPS.format(init=init, on_bar=on_bar), tmp_path, bars)
    assert len(str(caught.value).splitlines()) == 1


def test_indicators_orders_and_own_objects_can_be_kept(bars: Any, tmp_path: Path) -> None:
    text = (
        RT
        + """\
import numpy as np
from dataclasses import dataclass
from enum import Enum

class Mode(Enum):
    IN = "in"

@dataclass
class Memory:
    mode: Mode

class Bot(rt.Strategy):
    def init(self, bars):
        self.sma = self.indicator(rt.ta.sma, bars.close, 3)
        self.bands = self.indicator(rt.ta.bollinger, bars.close, 3)
        self.both = {"one": [self.sma]}
        self.memory = Memory(Mode.IN)

    def on_bar(self, ctx):
        self.recent = np.array([ctx.close])
        self.now = ctx.time
        self.order = ctx.buy(quantity=0.1)
"""
    )
    assert len(checked(text, tmp_path, bars).fills) > 0


def test_a_strategy_that_fails_by_itself_is_told_apart(bars: Any) -> None:
    bundle = make_bundle(FundingCarry)
    with pytest.raises(DeployError, match=r"FundingCarry\(.*give it bars of its own: check_bundle"):
        check_bundle(bundle, FundingCarry)
    with pytest.raises(DeployError, match="warm-up"):
        check_bundle(make_bundle(SmaCross), SmaCross(), bars)


def test_leaves_nothing_behind(bars: Any) -> None:
    import sys

    before = set(sys.modules)
    check_bundle(make_bundle(BuyAndHold), BuyAndHold, bars)
    assert {name for name in set(sys.modules) - before if "bundle" in name} == set()
