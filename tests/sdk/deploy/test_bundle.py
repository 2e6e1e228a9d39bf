"""Bundle: plain values, strict JSON; loading; classes of the library."""

from __future__ import annotations

import hashlib
import json
import linecache
import pickle
import sys
import traceback
from dataclasses import FrozenInstanceError
from pathlib import Path
from typing import Any

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.available import PACKAGES, UNUSABLE, why_not_available
from robotrader_sdk.deploy.bundle import (
    Bundle,
    CheckedCode,
    library_source_hash,
    load_bundle,
    make_bundle,
)
from robotrader_sdk.errors import BundleError, StrategyError
from strategies import RiskParity, SmaCross
from strategies.catalog import CATALOG

SOURCE = """\
from __future__ import annotations

import math
import robotrader_sdk as rt
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import requests


@dataclass
class Memory:
    size: float = 1.5


class Bot(rt.Strategy):
    def init(self, bars):
        import numpy
        self.memory = Memory()

    def on_bar(self, ctx):
        if ctx.bar_number == 3:
            math.sqrt(-1)
"""


def test_is_a_frozen_record_of_plain_values() -> None:
    bundle = Bundle("Bot", SOURCE)
    assert bundle == Bundle.of("Bot", SOURCE)
    assert bundle.imports == ("dataclasses", "math", "numpy", "robotrader_sdk", "typing")
    assert bundle.digest == hashlib.sha256(f"Bot\n{SOURCE}".encode()).hexdigest()
    assert bundle.library is None
    with pytest.raises(FrozenInstanceError):
        bundle.name = "Other"  # type: ignore[misc]  # that is the point
    assert pickle.loads(pickle.dumps(bundle)) == bundle


def test_comes_back_from_json() -> None:
    bundle = Bundle("Bot", SOURCE)
    assert Bundle.from_json(bundle.to_json()) == bundle
    assert Bundle.from_json(bundle.to_json().encode()) == bundle


def changed(**values: Any) -> str:
    saved = json.loads(Bundle("Bot", SOURCE).to_json())
    return json.dumps({k: v for k, v in {**saved, **values}.items() if v is not None})


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "is JSON as"),
        ("[]", "has exactly format, name, source, imports, digest"),
        ("[" * 100_000, "is JSON as"),
        (changed(digest=None), "has exactly"),
        (changed(more=1), "has exactly"),
        (changed(name=3), "name is not as"),
        (changed(imports="math"), "imports is not as"),
        (changed(format="robotrader-bundle-0"), "format is not as"),
        (changed(source=SOURCE + "\n"), "was changed: its digest is"),
        (changed(name="Memory"), "was changed"),
        (changed(imports=["math"]), "was changed"),
        (changed(digest="0" * 64), "is stated"),
    ],
)
def test_json_of_anything_else_is_refused_in_one_line(text: str, reason: str) -> None:
    with pytest.raises(BundleError, match=reason) as caught:
        Bundle.from_json(text)
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize(
    ("name", "source", "reason"),
    [
        ("Bot", "class Bot(:", "is no Python"),
        ("Bot", "class Bot: x = '\0'", "is no Python"),
        ("Other", SOURCE, "defines no 'Other'"),
        ("", SOURCE, "defines no ''"),
        ("Bot", "class Bot: x = '\ud800'", "is no Python"),
        ("Bot", "if 1: pass\n" + "elif 2: pass\n" * 3000 + "Bot = 1", "is no Python"),
        ("Bot", f"Bot = {'(' * 300}1{')' * 300}", "is no Python"),
        ("Bot", f"class Bot: pass\n# {'x' * 600_000}", "at most 524,288 bytes"),
    ],
)
def test_a_source_that_gives_no_class_is_refused(name: str, source: str, reason: str) -> None:
    with pytest.raises(BundleError, match=reason):
        Bundle(name, source)


def test_is_loaded_into_a_module_of_a_lasting_name() -> None:
    bundle = Bundle("Bot", SOURCE)
    owner = load_bundle(bundle)
    assert owner.__module__ == f"bundle_{bundle.digest[:16]}"
    assert load_bundle(bundle) is owner
    memory = vars(sys.modules[owner.__module__])["Memory"](2.5)
    stored = pickle.dumps(memory)
    del sys.modules[owner.__module__]
    assert load_bundle(bundle) is not owner
    assert pickle.loads(stored).size == 2.5


def test_code_that_was_checked_elsewhere_gives_the_bundles_class() -> None:
    bundle = Bundle("Bot", SOURCE)
    assert load_bundle(CheckedCode("Bot", SOURCE, bundle.digest)) is load_bundle(bundle)
    other = load_bundle(CheckedCode("Bot", SOURCE.replace("1.5", "4.5"), "f" * 64))
    assert other.__module__ == f"bundle_{'f' * 16}"
    with pytest.raises(BundleError, match="SyntaxError"):
        load_bundle(CheckedCode("Bot", "class Bot(", "0" * 64))


def test_two_bundles_of_one_class_name_live_side_by_side() -> None:
    one = load_bundle(Bundle("Bot", SOURCE))
    other = load_bundle(Bundle("Bot", SOURCE.replace("1.5", "2.5")))
    assert one.__module__ != other.__module__
    assert load_bundle(Bundle("Bot", SOURCE)) is one


def test_a_name_of_another_module_is_not_taken() -> None:
    with pytest.raises(BundleError, match="a module math is loaded already"):
        load_bundle(Bundle("Bot", SOURCE), "math")
    named = load_bundle(Bundle("Bot", SOURCE), "robotrader_bundle")
    again = load_bundle(Bundle("Bot", SOURCE.replace("1.5", "3.5")), "robotrader_bundle")
    assert (named.__module__, again.__module__) == ("robotrader_bundle",) * 2
    assert named is not again


def test_errors_show_the_line_of_the_bundle(bars: Any) -> None:
    owner = load_bundle(Bundle("Bot", SOURCE))
    with pytest.raises(
        StrategyError, match=r"math domain error \(<strategy.*>, line 24\)"
    ) as caught:
        rt.backtest(owner(), bars)
    cause = caught.value.__cause__
    assert cause is not None
    assert "math.sqrt(-1)" in "".join(traceback.format_exception(cause))


@pytest.mark.parametrize(
    ("source", "reason"),
    [
        (
            "import robotrader_sdk as rt\nx = 1 / 0\nclass Bot(rt.Strategy): pass",
            "ZeroDivisionError",
        ),
        ("import no_such_package\nclass Bot: pass", "No module named 'no_such_package'"),
        ("class Bot: pass", "is no strategy class"),
        ("Bot = 3", "is no strategy class"),
    ],
)
def test_a_source_that_fails_is_told_in_one_line(source: str, reason: str) -> None:
    with pytest.raises(BundleError, match=reason) as caught:
        load_bundle(Bundle("Bot", source), "bundle_that_fails")
    assert len(str(caught.value).splitlines()) == 1


@pytest.mark.parametrize("name", CATALOG)
def test_a_class_of_the_library_travels_by_name(name: str) -> None:
    owner = CATALOG[name].load()
    bundle = make_bundle(owner)
    assert bundle.source == f"from {owner.__module__} import {name}\n"
    assert bundle.library == f"{owner.__module__}.{name}"
    assert bundle.imports == ("strategies",)
    assert load_bundle(bundle) is owner
    assert library_source_hash(bundle.library) == hash_of_file(owner.__module__)


def hash_of_file(module: str) -> str:
    file = sys.modules[module].__file__
    assert file is not None
    text = Path(file).read_text(encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def test_an_instance_travels_as_its_class() -> None:
    assert make_bundle(SmaCross(fast=3)) == make_bundle(SmaCross)
    assert make_bundle(RiskParity()).library == "strategies.risk_parity.RiskParity"


@pytest.mark.parametrize(
    "name",
    [
        "strategies.sma_cross.Sma",
        "strategies.sma_cross",
        "SmaCross",
        "",
        "runner.errors.RunnerError",
        "strategies...sma_cross.SmaCross",
        "strategies./etc/passwd.SmaCross",
    ],
)
def test_the_hash_of_what_the_library_has_not_is_refused(name: str) -> None:
    with pytest.raises(BundleError, match="the library has no class"):
        library_source_hash(name)


@pytest.mark.parametrize(
    "source",
    [
        "import strategies.sma_cross\nfrom strategies.sma_cross import SmaCross",
        "from strategies.sma_cross import SmaCross\nSmaCross.fast = 3",
        "from strategies.ema_trend import EmaTrend as SmaCross",
        "from .strategies import SmaCross",
        "from strategies_of_mine import SmaCross",
    ],
)
def test_more_than_an_import_is_user_code(source: str) -> None:
    assert Bundle("SmaCross", source).library is None


def test_a_library_class_that_was_changed_does_not_travel(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(SmaCross, "signals", lambda self, bars: None)
    with pytest.raises(BundleError, match="SmaCross can't travel: signals of it was changed"):
        make_bundle(SmaCross)


def test_the_jail_has_what_it_says_and_no_more() -> None:
    assert [name for name in PACKAGES if why_not_available(name) is not None] == []
    assert [name for name in UNUSABLE if why_not_available(name) is None] == []
    assert why_not_available("urllib.parse") is None
    assert why_not_available("http.client") == "the jail has no network"


def test_the_source_is_found_by_inspect_and_numba() -> None:
    owner = load_bundle(Bundle("Bot", SOURCE))
    file = sys.modules[owner.__module__].__file__
    assert file is not None
    assert "".join(linecache.getlines(file)) == SOURCE
