"""Made-up programs: whatever helpers, constants and attributes there are, both give the same."""

from __future__ import annotations

import itertools
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import load_bundle, make_bundle

from .shapes import Shape, loaded

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.floats()
    | st.text(max_size=8)
    | st.binary(max_size=4)
    | st.complex_numbers(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.lists(inner, max_size=3).map(tuple)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
    ),
    max_leaves=6,
) | st.frozensets(st.text(max_size=3) | st.integers(), max_size=4)

NAMES = st.sampled_from(["alpha", "beta", "größe", "n", "x1", "_hidden", "Δ"])
FORMS = st.sampled_from(
    [
        "def {name}(x):\n    return x + {uses}\n",
        "def {name}(x, k={now}):\n    def inner(y):\n        return y * k + {uses}\n"
        "    return inner(x)\n",
        "{name} = lambda x: x - ({uses})\n",
        "@functools.lru_cache\ndef {name}(x):\n    return sum([x for _ in range(2)]) + {uses}\n",
        "def make_{name}(k):\n    return lambda x: x + k + {uses}\n\n{name} = make_{name}({now})\n",
        "class {name}_class:\n    k = {now}\n    @classmethod\n    def f(cls, x):\n"
        "        return cls.k + x + {uses}\n\n{name} = {name}_class.f\n",
        "@dataclasses.dataclass\nclass {name}_class:\n    k: float = {now}\n"
        "    def __call__(self, x):\n        return self.k * x + {uses}\n\n"
        "{name} = {name}_class()\n",
    ]
)


@st.composite
def programs(draw: st.DrawFn) -> tuple[str, ...]:
    """Cells with helpers that use each other, in any order, and a strategy that uses them."""
    constants = {f"C{k}": draw(st.integers(-5, 5)) for k in range(draw(st.integers(1, 4)))}
    names = draw(st.lists(NAMES, min_size=1, max_size=5, unique=True))
    cells = ["import dataclasses, functools\nimport robotrader_sdk as rt\n"]
    cells += [f"{name} = {value}\n" for name, value in constants.items()]
    helpers = []
    for place, name in enumerate(names):
        # A function may use what comes later; it is run when all is there.
        used = draw(st.lists(st.sampled_from(names[place + 1 :] or ["abs"]), max_size=2))
        terms = [f"{other}(x - 1)" for other in used] + [draw(st.sampled_from(sorted(constants)))]
        form = draw(FORMS)
        now = draw(st.sampled_from(sorted(constants)))
        helpers.append(form.format(name=name, uses=" + ".join(terms), now=now))
    cells += draw(st.permutations(helpers))
    attributes = draw(st.lists(PLAIN, max_size=2))
    body = "".join(
        f"    a{k} = {value!r}\n" for k, value in enumerate(attributes) if is_written(value)
    )
    n_used = draw(st.integers(1, len(names)))
    sums = " + ".join(f"{name}(2)" for name in names[:n_used])
    cells.append(f"class Bot(rt.Strategy):\n{body}    def amount(self):\n        return {sums}\n")
    if draw(st.booleans()):
        cells.append(f"{draw(st.sampled_from(sorted(constants)))} = {draw(st.integers(6, 9))}\n")
    n_cells = draw(st.integers(1, len(cells)))
    together = "".join(cells[:n_cells])
    return (together, *cells[n_cells:])


def is_written(value: Any) -> bool:
    """Whether its repr gives it back."""
    return not any(word in repr(value) for word in ("nan", "inf"))


COUNT = itertools.count()


@settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(cells=programs())
def test_whatever_is_written_gives_the_same(cells: tuple[str, ...], tmp_path: Path) -> None:
    with loaded(Shape("", cells=cells), tmp_path, f"fuzz{next(COUNT)}") as module:
        try:
            bundle = make_bundle(module.Bot)
        except rt.errors.BundleError as error:
            # A constant was rebound after a default or a closure took its older value.
            assert all("since" in p.reason or "source gives" in p.reason for p in error.problems)
            assert re.search(r"^C\d = [6-9]$", cells[-1], re.MULTILINE)
            return
        expected = module.Bot().amount()
    copy = load_bundle(bundle)
    assert repr(copy().amount()) == repr(expected)  # type: ignore[attr-defined]  # made above
    for name in vars(module.Bot):
        if name.startswith("a") and name != "amount":
            assert shown(getattr(copy, name)) == shown(getattr(module.Bot, name))
    assert make_bundle(copy).source == bundle.source


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(value=PLAIN)
def test_a_plain_value_comes_back_from_its_literal(value: Any, tmp_path: Path) -> None:
    with loaded(Shape("", cells=("X = None\n",)), tmp_path, "literal") as module:
        from robotrader_sdk.deploy.plain import is_plain, literal

        assert is_plain(value)
        vars(module)["X"] = value
        again = eval(literal(value))
    assert shown(again) == shown(value)
    assert literal(again) == literal(value)


def shown(value: Any) -> Any:
    if isinstance(value, frozenset):
        return sorted(map(repr, value))
    return repr(value).replace("+", "").replace("(nannanj)", "")


@pytest.mark.parametrize("depth", [30, 300])
def test_what_is_too_deep_is_no_plain_value(depth: int) -> None:
    from robotrader_sdk.deploy.plain import is_plain

    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    assert not is_plain(value)
    ring: list[Any] = []
    ring.append(ring)
    assert not is_plain(ring)
