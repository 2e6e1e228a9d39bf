from __future__ import annotations

import importlib.metadata
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import robotrader_sdk as rt
import strategies
from robotrader_sdk.strategy.base import is_vectorised
from robotrader_sdk.strategy.portfolio import gives_weights
from strategies.catalog import CATALOG

FILES = {file.stem for file in Path(strategies.__file__).parent.glob("*.py")}
HEAVY = ("numba", "talib", "ta", "plotly", "ccxt", "matplotlib")


def test_every_file_is_in_the_catalog() -> None:
    modules = {entry.path.partition(":")[0] for entry in CATALOG.values()}
    assert modules == {f"strategies.{file}" for file in FILES - {"__init__", "catalog"}}


def test_the_entry_point_leads_to_the_catalog() -> None:
    (found,) = importlib.metadata.entry_points(group="robotrader.strategies", name="strategies")
    assert found.load() is CATALOG


def test_the_issue_s_strategies_are_all_there() -> None:
    assert set(CATALOG) == {
        "SmaCross", "EmaTrend", "MacdTrend", "RsiReversion", "BollingerReversion",
        "DonchianBreakout", "Supertrend", "BuyAndHold", "Dca", "Grid", "TripleScreen",
        "VolatilityTarget", "FundingCarry", "MomentumRotation", "RiskParity", "PairsReversion",
    }  # fmt: skip


@pytest.mark.parametrize("name", CATALOG)
def test_an_entry_describes_its_class(name: str) -> None:
    entry = CATALOG[name]
    loaded = entry.load()
    assert loaded.__name__ == name
    assert getattr(strategies, name) is loaded
    one = loaded()
    assert (entry.market == "panel") == isinstance(one, rt.PortfolioStrategy)
    written = gives_weights(one) if isinstance(one, rt.PortfolioStrategy) else is_vectorised(one)
    assert (entry.form == "vectorised") == written
    assert entry.title
    assert "\n" not in entry.idea
    assert 10 < len(entry.idea) < 90


def test_entries_and_the_catalog_are_frozen() -> None:
    with pytest.raises(AttributeError):
        CATALOG["SmaCross"].idea = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        CATALOG["Mine"] = CATALOG["SmaCross"]  # type: ignore[index]


def test_a_docstring_gives_idea_source_with_year_and_failure(
    any_class: type,
) -> None:
    text = inspect.getdoc(any_class) or ""
    idea, source, fails = (text.find(f"\n{word}: ") for word in ("Idea", "Source", "Fails"))
    assert 0 < idea < source < fails
    assert re.search(r"\b(19|20)\d\d\b", text[source:fails])


def test_dir_lists_the_strategies_and_a_wrong_name_is_an_attribute_error() -> None:
    assert set(CATALOG) <= set(dir(strategies))
    with pytest.raises(AttributeError, match="SmaCros"):
        _ = strategies.SmaCros
    with pytest.raises(ImportError):
        from strategies import SmaCros  # noqa: F401


@pytest.mark.parametrize(
    ("statement", "forbidden"),
    [
        ("from strategies.catalog import CATALOG", ("pandas", "numpy", "pydantic", *HEAVY)),
        ("from strategies import SmaCross, Grid, BuyAndHold; SmaCross()", HEAVY),
        ("from strategies import FundingCarry, RiskParity; RiskParity()", HEAVY),
    ],
)
def test_importing_is_light(statement: str, forbidden: tuple[str, ...]) -> None:
    script = f"{statement}\nimport sys\nprint([n for n in {forbidden!r} if n in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "[]"
