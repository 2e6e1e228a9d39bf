"""The notebook runs from its first cell to its last in a kernel, and is stored without outputs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

NOTEBOOK = "01_first_backtest.ipynb"

RUN = """
import sys, nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
where = {"metadata": {"path": sys.argv[2]}}
NotebookClient(notebook, timeout=100, kernel_name="python3", resources=where).execute()
nbformat.write(notebook, sys.argv[3])
"""


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    """The cells with what they showed when they were run one after the other."""
    source = Path(__file__).parents[2] / "notebooks" / NOTEBOOK
    folder = tmp_path_factory.mktemp("notebook")
    target = folder / "executed.ipynb"
    command = [sys.executable, "-c", RUN, str(source), str(folder), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    cells: list[dict[str, Any]] = json.loads(target.read_text(encoding="utf-8"))["cells"]
    return cells


def _outputs(cells: list[dict[str, Any]], containing: str) -> list[dict[str, Any]]:
    """The outputs of the one cell whose source contains this."""
    (cell,) = [c for c in cells if c["cell_type"] == "code" and containing in "".join(c["source"])]
    found: list[dict[str, Any]] = cell["outputs"]
    return found


def _text(outputs: list[dict[str, Any]]) -> str:
    """What they say as text, but for notices on stderr."""
    said = [o for o in outputs if o.get("name") != "stderr"]
    return "".join(part for o in said for part in (o.get("text") or o["data"]["text/plain"]))


def test_is_stored_small_and_without_outputs(root: Path) -> None:
    path = root / "notebooks" / NOTEBOOK
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert path.stat().st_size < 50_000
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def test_every_cell_was_run_and_none_warned(executed: list[dict[str, Any]]) -> None:
    code = [cell for cell in executed if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    complaints = [
        "".join(output["text"])
        for cell in code
        for output in cell["outputs"]
        if output.get("name") == "stderr" and "compiling its kernels" not in "".join(output["text"])
    ]
    assert complaints == []


def test_shows_the_result_as_figures(executed: list[dict[str, Any]]) -> None:
    shown = [o for o in _outputs(executed, "result = rt.backtest") if "data" in o]
    assert len(shown) == 1
    assert "Sharpe" in "".join(shown[0]["data"]["text/html"])
    assert "Breakout(entry=40, exit=20, stop=3.0): completed" in _text(shown)


def test_draws_the_plot_inline(executed: list[dict[str, Any]]) -> None:
    (shown,) = _outputs(executed, "result.plot()")
    figure = shown["data"]["application/vnd.plotly.v1+json"]
    assert "text/html" in shown["data"]  # what an exported notebook shows
    assert len(figure["data"]) >= 4


def test_lists_trades_and_rejected_orders(executed: list[dict[str, Any]]) -> None:
    assert "entry_time" in _text(_outputs(executed, "result.trades.tail()"))
    assert "below min_notional" in _text(_outputs(executed, "small.rejected"))


def test_names_the_mistake_in_a_parameter(executed: list[dict[str, Any]]) -> None:
    assert "did you mean entry?" in _text(_outputs(executed, "entri=30"))


def test_both_forms_fill_alike(executed: list[dict[str, Any]]) -> None:
    said = _text(_outputs(executed, "class EventBreakout"))
    assert said.splitlines() == ["the same fills: True", "the same equity, to the last bit: True"]


def test_what_was_saved_comes_back(executed: list[dict[str, Any]]) -> None:
    said = _text(_outputs(executed, "to_html"))
    assert "read back, the same equity: True" in said
    assert "['breakout.html', 'breakout.json']" in said
