"""What `import robotrader_sdk as rt` offers: exactly this, and `rt.backtest` is the function."""

from __future__ import annotations

import ast
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import robotrader_sdk as rt

PUBLIC = [
    "BacktestResult",
    "Context",
    "Fees",
    "Instrument",
    "MarginTier",
    "Panel",
    "PortfolioContext",
    "PortfolioResult",
    "PortfolioStrategy",
    "Signals",
    "Strategy",
    "Timeframe",
    "align",
    "backtest",
    "errors",
    "fill_gaps",
    "find_gaps",
    "load_bars",
    "param",
    "read_bars",
    "resample",
    "sample_bars",
    "synthetic_bars",
    "ta",
    "validate_bars",
]


def test_the_public_names_are_these() -> None:
    assert rt.__all__ == sorted(rt.__all__) == PUBLIC


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_name_can_be_imported(name: str) -> None:
    namespace: dict[str, Any] = {}
    exec(f"from robotrader_sdk import {name}", namespace)
    assert namespace[name] is getattr(rt, name)
    assert name in dir(rt)


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'backtset'"):
        _ = rt.backtset


def test_type_checkers_and_python_find_the_same_things(root: Path) -> None:
    tree = ast.parse((root / "robotrader_sdk" / "__init__.py").read_text(encoding="utf-8"))
    (checked,) = [node for node in tree.body if isinstance(node, ast.If)]
    promised = {
        alias.asname or alias.name: (node.module, alias.name)
        for node in checked.body
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
    }
    given = {name: (f"robotrader_sdk.{module}", name) for name, module in rt._WHERE.items()}
    given["ta"] = ("robotrader_sdk", "indicators")
    given["backtest"] = ("robotrader_sdk.backtest.engine", "backtest")
    assert promised == given
    assert set(given) | {"errors"} == set(PUBLIC)


@pytest.mark.parametrize(
    "before",
    [
        "import robotrader_sdk.backtest.engine",
        "from robotrader_sdk.cli import app; rt.BacktestResult",
    ],
)
def test_backtest_stays_the_function(before: str, fresh_python: Callable[..., Any]) -> None:
    done = fresh_python(
        f"import robotrader_sdk as rt\n{before}\n"
        "print(callable(rt.backtest), type(rt.backtest).__name__)\n"
        "from robotrader_sdk import backtest\nprint(backtest is rt.backtest)"
    )
    assert done.stdout.split() == ["True", "function", "True"], done.stderr


def test_backtest_stays_the_function_after_a_result_is_unpickled(
    tmp_path: Path, fresh_python: Callable[..., Any]
) -> None:
    saved = tmp_path / "result.pickle"
    made = fresh_python(
        "import pathlib, pickle, robotrader_sdk as rt\nfrom strategies import BuyAndHold\n"
        "result = rt.backtest(BuyAndHold(), rt.sample_bars('FB'))\n"
        f"pathlib.Path({str(saved)!r}).write_bytes(pickle.dumps(result))"
    )
    assert made.returncode == 0, made.stderr
    read = fresh_python(
        "import pathlib, pickle\n"
        f"result = pickle.loads(pathlib.Path({str(saved)!r}).read_bytes())\n"
        "import robotrader_sdk as rt\n"
        "print(type(rt.backtest).__name__, type(result) is rt.BacktestResult)"
    )
    assert read.stdout.split() == ["function", "True"], read.stderr
