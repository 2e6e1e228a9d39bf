"""STRATEGY and --set: what is found, and how values are read."""

from __future__ import annotations

from pathlib import Path

import pytest

from robotrader_sdk.cli.references import load_strategy_class
from robotrader_sdk.cli.settings import make_strategy
from robotrader_sdk.errors import ParameterError, StrategyError

from .conftest import STRATEGIES


@pytest.mark.parametrize("name", ["SmaCross", "smacross", "SMACROSS", "sma-cross", "sma_cross"])
def test_a_catalog_name_is_found_in_any_spelling(name: str) -> None:
    assert load_strategy_class(name).__name__ == "SmaCross"


@pytest.mark.parametrize("form", ["{name}", "./{name}", "{path}"])
def test_a_file_is_found_by_relative_and_absolute_path(strategy_file: Path, form: str) -> None:
    place = form.format(name=strategy_file.name, path=strategy_file)
    assert load_strategy_class(f"{place}:Cross").__name__ == "Cross"


def test_a_file_may_import_what_lies_beside_it(folder: Path) -> None:
    (folder / "lengths_beside.py").write_text("LENGTH = 7\n")
    (folder / "one.py").write_text(
        "from __future__ import annotations\n"
        "import robotrader_sdk as rt\n"
        "from lengths_beside import LENGTH\n"
        "class One(rt.Strategy):\n"
        "    length: int = rt.param(LENGTH)\n"
    )
    assert load_strategy_class("one.py:One")().params["length"] == 7


def test_a_module_is_found_in_the_current_folder_and_among_packages(folder: Path) -> None:
    (folder / "own_strategies_here.py").write_text(STRATEGIES)
    assert load_strategy_class("own_strategies_here:Cross").__name__ == "Cross"
    assert load_strategy_class("strategies.sma_cross:SmaCross").__name__ == "SmaCross"


def test_a_file_may_hold_strategies_for_a_panel(folder: Path) -> None:
    (folder / "two.py").write_text(
        "from robotrader_sdk import PortfolioStrategy\nclass Two(PortfolioStrategy):\n    pass\n"
    )
    assert load_strategy_class("two.py:Two").__name__ == "Two"
    with pytest.raises(StrategyError, match=r"rt\.PortfolioStrategy; it has Two"):
        load_strategy_class("two.py:PortfolioStrategy")


@pytest.mark.parametrize(
    ("text", "name", "value"),
    [
        ("length=20", "length", 20),
        (" length = 20 ", "length", 20),
        ("length=2e1", "length", 20),
        ("name=5", "name", "5"),
        ("name=a=b", "name", "a=b"),
        ("name=", "name", ""),
        ("mode=slow", "mode", "slow"),
        ("step=2", "step", 2),
        ("hold=true", "hold", True),
        ("hold=False", "hold", False),
        ("seed=3", "seed", 3),
    ],
)
def test_a_setting_is_read_as_its_parameter_needs_it(
    strategy_file: Path, text: str, name: str, value: object
) -> None:
    cross = load_strategy_class(f"{strategy_file}:Cross")
    read = make_strategy(cross, [text]).params[name]
    assert (type(read), read) == (type(value), value)


@pytest.mark.parametrize("text", ["length=NaN", "length=10.5", "mode=medium", "step=3", "hold=2"])
def test_a_setting_that_fits_nowhere_is_refused(strategy_file: Path, text: str) -> None:
    with pytest.raises(ParameterError, match=text.partition("=")[0]):
        make_strategy(load_strategy_class(f"{strategy_file}:Cross"), [text])


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        ("x = (\n", r"SyntaxError: '\(' was never closed \(.*bad\.py, line 1\)"),
        ("\nimport no_such_thing\n", r"No module named 'no_such_thing' \(.*bad\.py, line 2\)"),
        ("\n\n1 / 0\n", r"ZeroDivisionError: division by zero \(.*bad\.py, line 3\)"),
        ("import json\njson.loads('{')\n", r"JSONDecodeError: .* \(.*bad\.py, line 2\)"),
        (
            "import robotrader_sdk as rt\nclass A(rt.Strategy):\n    signals: int = rt.param(1)\n",
            r"ParameterError: .* \(.*bad\.py, line 2\)",
        ),
    ],
)
@pytest.mark.parametrize("form", ["bad.py:A", "bad:A"])
def test_code_that_fails_at_import_is_named_with_file_and_line(
    folder: Path, source: str, expected: str, form: str
) -> None:
    (folder / "bad.py").write_text(source)
    with pytest.raises(StrategyError, match=expected):
        load_strategy_class(form)
