"""Code that travels: what the bundle gives is what was written, bit for bit, here and elsewhere."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import Bundle, load_bundle, make_bundle
from robotrader_sdk.deploy.check import question_of
from robotrader_sdk.deploy.differences import Traces, first_difference
from robotrader_sdk.deploy.fresh import answer

from .shapes import Shape, loaded, traded
from .travelling import TRAVELLING

BY_NAME = {shape.name: shape for shape in TRAVELLING}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory, bars: Any, panel: Any) -> dict[str, Any]:
    """Each shape's bundle, and what its class did: made once, looked at by several tests."""
    found = {}
    for number, shape in enumerate(TRAVELLING):
        with loaded(shape, tmp_path_factory.mktemp("shape"), str(number)) as module:
            own = panel if issubclass(module.Bot, rt.PortfolioStrategy) else bars
            bundle = make_bundle(module.Bot)
            result, question = question_of(bundle, module.Bot(), own)
            found[shape.name] = (bundle, traded(result), len(result.fills), question, result)
    return found


@pytest.mark.parametrize("name", BY_NAME)
def test_travels(name: str, made: dict[str, Any]) -> None:
    bundle, _, n_fills, *_ = made[name]
    shape: Shape = BY_NAME[name]
    assert bundle.name == "Bot"
    assert bundle.library is None
    assert n_fills > 0
    for line in shape.says:
        assert line in bundle.source
    for line in shape.never:
        assert line not in bundle.source


@pytest.mark.parametrize("name", BY_NAME)
def test_a_bundle_of_a_bundle_is_the_same(name: str, made: dict[str, Any]) -> None:
    bundle: Bundle = made[name][0]
    owner = load_bundle(bundle)
    assert owner is load_bundle(bundle)
    assert make_bundle(owner).source == bundle.source


@pytest.mark.parametrize("name", BY_NAME)
def test_it_passes_what_is_checked_elsewhere(name: str, made: dict[str, Any]) -> None:
    """Here, as a process for each would take a second; `test_check` starts some."""
    _, _, _, question, result = made[name]
    given = answer(question)
    assert given.problem is None
    assert given.traces is not None
    assert first_difference(Traces.of(result), given.traces) is None


FRESH = """
import json, pathlib, sys, tempfile
import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import Bundle, load_bundle, make_bundle
from tests.sdk.deploy.shapes import loaded, traded
from tests.sdk.deploy.travelling import TRAVELLING

bars = rt.synthetic_bars(24, seed=3)
panel = {s: rt.synthetic_bars(24, "1d", seed=k) for k, s in enumerate(("BTC/USDT", "ETH/USDT"))}
done, digests = {}, {}
for name, text in json.load(sys.stdin).items():
    owner = load_bundle(Bundle.from_json(text))
    own = panel if issubclass(owner, rt.PortfolioStrategy) else bars
    done[name] = traded(rt.backtest(owner(), own))
for number, shape in enumerate(TRAVELLING):
    with tempfile.TemporaryDirectory() as folder:
        with loaded(shape, pathlib.Path(folder), f"other{number}") as module:
            digests[shape.name] = make_bundle(module.Bot()).digest
print(json.dumps([done, digests]))
"""


@pytest.fixture(scope="module")
def elsewhere(made: dict[str, Any], python: Callable[..., Any]) -> Any:
    """What another process, with other hashes, makes of the bundles and then of the shapes."""
    bundles = {name: found[0].to_json() for name, found in made.items()}
    done = python(FRESH, json.dumps(bundles), PYTHONHASHSEED="4711")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_in_another_process_it_trades_alike(made: dict[str, Any], elsewhere: Any) -> None:
    """Where none of the modules and cells is known."""
    assert elsewhere[0] == {name: found[1] for name, found in made.items()}


DEPENDS_ON_THE_PROCESS = {"a set, and what its order gave"}


def test_the_digest_is_the_same_in_every_process(made: dict[str, Any], elsewhere: Any) -> None:
    digests = {name: found[0].digest for name, found in made.items()}
    differing = {name for name in digests if digests[name] != elsewhere[1][name]}
    assert differing <= DEPENDS_ON_THE_PROCESS


def test_nothing_of_the_machine_is_in_a_source(made: dict[str, Any], tmp_path: Path) -> None:
    sources = "".join(found[0].source for found in made.values())
    assert str(tmp_path.parents[1]) not in sources
    assert "notebook_" not in sources
    assert "<cell" not in sources
