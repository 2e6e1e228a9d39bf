"""Cells of a real notebook, run by a real kernel, magics and all."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from robotrader_sdk.deploy.bundle import Bundle, load_bundle

CELLS = (
    "%config InlineBackend.figure_format = 'svg'\n"
    "import robotrader_sdk as rt\n"
    "from robotrader_sdk.deploy.bundle import check_bundle, make_bundle",
    "from __future__ import annotations",
    "!echo hello\nfiles = !ls\nSTEP = 1\nrt.Strategy?",
    "%%time\n\ndef half(x: Unknown) -> float:\n    return x / 2",
    "def size():\n    return half(STEP)",
    "class Bot(rt.Strategy):\n    n: int = rt.param(3, ge=1)\n\n    def on_bar(self, ctx):\n"
    "        if ctx.position:\n            ctx.close_position()\n        else:\n"
    "            ctx.buy(quantity=size() + self.n)",
    "bars = rt.synthetic_bars(24, seed=3)\nSTEP = 5",
    "bundle = make_bundle(Bot)\n_ = check_bundle(bundle, Bot(n=4), bars)\nprint(bundle.to_json())",
    "class Bot(Bot):\n    pass",
    "DATA = bars",
    "class Sized(rt.Strategy):\n    def on_bar(self, ctx):\n        %time x = 1\n"
    "        ctx.buy(quantity=len(DATA) + len(In))",
    "for wrong in (Bot, Sized):\n    try:\n        make_bundle(wrong)\n"
    "    except rt.errors.BundleError as error:\n        print(error)",
)

RUN = """
import json, sys, nbformat
from nbclient import NotebookClient

notebook = nbformat.v4.new_notebook()
notebook.cells = [nbformat.v4.new_code_cell(text) for text in json.load(sys.stdin)]
NotebookClient(notebook, timeout=60, kernel_name="python3").execute()
said = [
    "".join(o["text"] for o in cell.outputs if o.get("name") == "stdout")
    for cell in notebook.cells
]
print(json.dumps(said))
"""


@pytest.fixture(scope="module")
def said(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """What each cell printed."""
    done = subprocess.run(
        [sys.executable, "-c", RUN],
        cwd=tmp_path_factory.mktemp("notebook"),
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[3])},
        input=json.dumps(CELLS),
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


def test_travels_from_cells_with_magics_out_of_order(said: list[str], bars: Any) -> None:
    bundle = Bundle.from_json(said[7].splitlines()[-1])
    assert bundle.source.splitlines()[:4] == [
        "from __future__ import annotations",
        "",
        "import robotrader_sdk as rt",
        "",
    ]
    body = bundle.source.split("import robotrader_sdk as rt\n")[1]
    assert "STEP = 5" in body
    assert "def half(x: Unknown) -> float:\n    return x / 2" in body
    assert "%" not in body
    assert "get_ipython" not in body
    assert "ipykernel" not in bundle.source
    assert load_bundle(bundle)(n=4).params == {"seed": 0, "n": 4}


def test_names_the_cell_and_the_line(said: list[str]) -> None:
    assert said[11].splitlines() == [
        "Bot can't travel: In[9], line 1: Bot: is made from an older Bot; give them two names",
        "Sized can't travel:",
        "  In[10], line 1: DATA: is a DataFrame, which can't travel: data belongs into the bars, "
        "a few numbers into a tuple or dict",
        "  In[11], line 3: get_ipython: belongs to the notebook or file, which doesn't travel",
        "  In[11], line 4: In: belongs to the notebook or file, which doesn't travel",
    ]
