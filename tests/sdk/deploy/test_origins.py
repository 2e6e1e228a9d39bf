"""Where code comes from: scripts, files that were edited, cells that a tool registered raw."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import load_bundle, make_bundle
from robotrader_sdk.deploy.origin import parse
from robotrader_sdk.errors import BundleError

from .shapes import RT, Shape, bot, loaded, run_cell

SCRIPT = (
    RT
    + """\
from robotrader_sdk.deploy.bundle import check_bundle, make_bundle

STEP = 2

def size():
    return STEP
"""
    + bot("size()")
    + """\

class Other(Bot):
    def on_bar(self, ctx):
        ctx.buy(quantity=LEVEL)

if __name__ == "__main__":
    LEVEL = 3
    bundle = make_bundle(Bot)
    check_bundle(bundle, Bot, rt.synthetic_bars(24, seed=3))
    print(bundle.source)
    try:
        make_bundle(Other)
    except rt.errors.BundleError as error:
        print(error)
"""
)


def test_a_script_leaves_what_stands_under_its_guard(
    tmp_path: Path, python: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "my_script.py"
    path.write_text(SCRIPT, encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    *source, refusal = done.stdout.strip().splitlines()
    text = "\n".join(source)
    assert text.startswith("import robotrader_sdk as rt\n\nSTEP = 2\n\n\ndef size():")
    assert "make_bundle" not in text
    assert "__main__" not in text
    assert refusal == (
        "Other can't travel: my_script.py, line 23: LEVEL: stands under if __name__ == "
        '"__main__", which only a script runs'
    )


@pytest.fixture
def edited(tmp_path: Path) -> Iterator[tuple[Any, Path]]:
    files = {"main.py": RT + "STEP = 2\n\ndef size():\n    return STEP\n" + bot("size()")}
    with loaded(Shape("", files=files), tmp_path, "") as module:
        yield module, tmp_path / "main.py"


def test_a_file_edited_since_it_was_loaded_is_noticed(edited: tuple[Any, Path]) -> None:
    module, path = edited
    text = path.read_text(encoding="utf-8")
    assert "return STEP\n" in make_bundle(module.Bot).source
    path.write_text(text.replace("return STEP", "return STEP * 2"), encoding="utf-8")
    with pytest.raises(BundleError, match=r"main.py, line 4: size: its source has changed since"):
        make_bundle(module.Bot)


def test_a_function_that_makes_the_class_edited_since_is_noticed(tmp_path: Path) -> None:
    text = (
        RT + "def make(n):\n    class Bot(rt.Strategy):\n        def on_bar(self, ctx):\n"
        "            ctx.buy(quantity=n)\n    return Bot\n\nBot = make(2)\n"
    )
    with loaded(Shape("", files={"main.py": text}), tmp_path, "") as module:
        (tmp_path / "main.py").write_text(text.replace("=n)", "=n + 1)"), encoding="utf-8")
        with pytest.raises(BundleError, match=r"main.py, line 3: Bot: its source has changed"):
            make_bundle(module.Bot)


def test_the_type_of_a_parameter_edited_since_is_noticed(tmp_path: Path) -> None:
    text = RT + bot("self.n", "    n: int = rt.param(2)\n")
    with loaded(Shape("", files={"main.py": text}), tmp_path, "") as module:
        (tmp_path / "main.py").write_text(text.replace("n: int", "n: float"), encoding="utf-8")
        with pytest.raises(BundleError, match=r"Bot: __annotations__ of it is not what its source"):
            make_bundle(module.Bot)


def test_a_constant_edited_since_travels_as_it_runs(edited: tuple[Any, Path]) -> None:
    module, path = edited
    text = path.read_text(encoding="utf-8")
    path.write_text("# moved down\n" + text.replace("STEP = 2", "STEP = 3"), encoding="utf-8")
    assert "STEP = 2" in make_bundle(module.Bot).source


def test_a_file_that_is_gone_is_no_source(edited: tuple[Any, Path]) -> None:
    module, path = edited
    path.unlink()
    with pytest.raises(BundleError, match="Bot: has no source at hand"):
        make_bundle(module.Bot)


def test_a_module_that_was_loaded_anew_is_noticed(tmp_path: Path) -> None:
    files = {
        "helpers.py": "def size():\n    return 1\n",
        "main.py": RT + "from helpers import size\n" + bot("size()"),
    }
    with loaded(Shape("", files=files), tmp_path, "") as module:
        exec("def size():\n    return 1\n", vars(sys.modules["helpers"]))
        with pytest.raises(BundleError, match="size: is not what helpers has by now; import it"):
            make_bundle(module.Bot)


def test_the_class_in_hand_travels_and_not_a_newer_one_of_its_name(tmp_path: Path) -> None:
    old, new = bot("1.0"), bot("2.0")
    with loaded(Shape("", cells=(RT + old,)), tmp_path, "older") as module:
        older = module.Bot
        run_cell(module, "<cell 2>", new)
        assert "amount = 1.0" in make_bundle(older).source
        assert "amount = 2.0" in make_bundle(module.Bot()).source


def test_a_cell_that_was_run_again_comes_before_what_needs_it(tmp_path: Path) -> None:
    base = RT + "def two(x):\n    return x * STEP\n\nclass Base(rt.Strategy):\n    size = 2\n"
    cells = (base, "STEP = 3\n", "SIX = two(2)\n" + bot("self.size + SIX", base="Base"))
    with loaded(Shape("", cells=cells), tmp_path, "again") as module:
        run_cell(module, "<cell 1>", base)
        run_cell(module, "<cell 2>", "STEP = 3\n")
        source = make_bundle(module.Bot).source
    body = [line for line in source.splitlines() if line and not line.startswith((" ", "import"))]
    assert body == ["SIX = 6", "class Base(rt.Strategy):", "class Bot(Base):"]


def test_what_is_called_at_once_finds_what_it_uses(tmp_path: Path) -> None:
    text = (
        "class Sized:\n    def __init__(self, n):\n        self.n = n * STEP\n\n"
        "def make(n):\n    return Sized(n)\n"
    )
    cells = (RT + text, "STEP = 3\n", "SIX = make(2)\n" + bot("SIX.n"))
    with loaded(Shape("", cells=cells), tmp_path, "again") as module:
        run_cell(module, "<cell 1>", RT + text)
        run_cell(module, "<cell 2>", "STEP = 3\n")
        source = make_bundle(module.Bot).source
    body = [line for line in source.splitlines() if line and not line.startswith((" ", "import"))]
    assert body == [
        "class Sized:",
        "def make(n):",
        "STEP = 3",
        "SIX = make(2)",
        "class Bot(rt.Strategy):",
    ]


def test_a_class_without_methods_is_found_by_what_it_holds(tmp_path: Path) -> None:
    first = "from strategies import SmaCross\nclass Bot(SmaCross):\n    step = 1\n"
    with loaded(Shape("", cells=(first,)), tmp_path, "bare") as module:
        older = module.Bot
        run_cell(module, "<cell 2>", "class Bot(SmaCross):\n    step = 2\n")
        assert "step = 1" in make_bundle(older).source
        assert "step = 2" in make_bundle(module.Bot).source


def test_a_folder_of_the_users_called_strategies_is_the_users(tmp_path: Path) -> None:
    package = tmp_path / "strategies"
    package.mkdir()
    (package / "__init__.py").write_text("", encoding="utf-8")
    (package / "sizes.py").write_text("def size():\n    return 2.0\n", encoding="utf-8")
    mine = RT + "from strategies.sizes import size\n" + bot("size()")
    (package / "mine.py").write_text(mine, encoding="utf-8")
    code = (
        "from strategies.mine import Bot\n"
        "from robotrader_sdk.deploy.bundle import make_bundle\n"
        "bundle = make_bundle(Bot)\nprint(bundle.library, 'return 2.0' in bundle.source)"
    )
    root = Path(__file__).parents[3]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={"PYTHONPATH": f"{tmp_path}:{root}"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.stdout.split() == ["None", "True"], done.stderr


@pytest.mark.parametrize(
    ("text", "n_statements"),
    [
        ("%matplotlib inline\nx = 1\n", 1),
        ("!ls\n?help\nlist?\nx = 1\n", 1),
        ("files = !ls\nvalue = %time 3\n", 2),
        ("  # nothing\n", 0),
    ],
)
def test_raw_magics_count_as_empty_lines(text: str, n_statements: int) -> None:
    assert len(parse(text).body) == n_statements


def test_what_was_loaded_is_no_source_of_a_notebook(tmp_path: Path) -> None:
    with loaded(Shape("", cells=(RT + "N = 1\n" + bot("N"),)), tmp_path, "one") as module:
        load_bundle(make_bundle(module.Bot))
    shape = Shape("", cells=(RT + "N = int('1')\n" + bot("N + 0.5"),))
    with loaded(shape, tmp_path, "two") as module:
        assert "N = int('1')" in make_bundle(module.Bot).source
        assert rt.errors.BundleError is BundleError
