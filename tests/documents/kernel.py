"""Runs a notebook in a kernel of its own, from its first cell to its last."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

NOTEBOOKS = Path(__file__).parents[2] / "notebooks"

Cells = list[dict[str, Any]]

_RUN = """
import sys, nbformat
from nbclient import NotebookClient

notebook = nbformat.read(sys.argv[1], as_version=4)
nbformat.validate(notebook)
where = {"metadata": {"path": sys.argv[2]}}
NotebookClient(notebook, timeout=100, kernel_name="python3", resources=where).execute()
nbformat.write(notebook, sys.argv[3])
"""


def run_notebook(name: str, folder: Path) -> Cells:
    """The cells with what they showed when they were run one after the other in a folder."""
    target = folder / "executed.ipynb"
    command = [sys.executable, "-c", _RUN, str(NOTEBOOKS / name), str(folder), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=110, check=False)
    assert done.returncode == 0, done.stderr
    cells: Cells = json.loads(target.read_text(encoding="utf-8"))["cells"]
    return cells


def assert_stored_small_and_without_outputs(name: str) -> None:
    """What is committed holds no results, and runs in any Python 3 kernel."""
    path = NOTEBOOKS / name
    notebook = json.loads(path.read_text(encoding="utf-8"))
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert path.stat().st_size < 50_000
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code)


def assert_every_cell_was_run_and_none_warned(cells: Cells) -> None:
    """Nothing on stderr but the one notice about compiling."""
    code = [cell for cell in cells if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in code] == list(range(1, len(code) + 1))
    complaints = [
        "".join(output["text"])
        for cell in code
        for output in cell["outputs"]
        if output.get("name") == "stderr" and "compiling its kernels" not in "".join(output["text"])
    ]
    assert complaints == []


def outputs_of(cells: Cells, containing: str) -> list[dict[str, Any]]:
    """The outputs of the one cell whose source contains this."""
    (cell,) = [c for c in cells if c["cell_type"] == "code" and containing in "".join(c["source"])]
    found: list[dict[str, Any]] = cell["outputs"]
    return found


def text_of(outputs: list[dict[str, Any]]) -> str:
    """What they say as text, but for notices on stderr."""
    said = [o for o in outputs if o.get("name") != "stderr"]
    return "".join(part for o in said for part in (o.get("text") or o["data"]["text/plain"]))


def said(cells: Cells, containing: str) -> list[str]:
    """The lines of text that the one cell with this in its source showed."""
    return text_of(outputs_of(cells, containing)).splitlines()
