"""Machine code on disk is used again, and never again after one of its sources changed.

On a scratch copy of the mechanism with a rule and a kernel that compile in a moment.
"""

from __future__ import annotations

import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from robotrader_sdk import compiler

RULE = '''"""A rule."""

from robotrader_sdk.compiled import rule


@rule
def fee(price: float) -> float:
    """What is paid."""
    return price * 0.5
'''

KERNEL = '''"""A kernel."""

from robotrader_sdk.compiled import compiled
from robotrader_sdk.trading.costs import fee


@compiled
def total(n: int) -> float:
    """The sum of so many fees."""
    paid = 0.0
    for price in range(n):
        paid += fee(float(price))
    return paid
'''

CALL = """
from robotrader_sdk.backtest.kernel import total
print(total(5), sum(total.dispatcher.stats.cache_hits.values()))
"""

NOTICE = "compiling its kernels, once on this machine"


class Scratch:
    """A copy of the mechanism in a folder of its own, with a cache of its own."""

    def __init__(self, root: Path, folder: Path, run: Callable[..., Any]) -> None:
        self.folder, self.cache, self._run = folder, folder / "cache", run
        package = folder / "robotrader_sdk"
        for part in ("trading", "backtest"):
            (package / part).mkdir(parents=True)
            (package / part / "__init__.py").touch()
        for name in ("__init__", "errors", "loading", "types", "compiled", "compiler"):
            shutil.copy(root / "robotrader_sdk" / f"{name}.py", package)
        self.rule = package / "trading" / "costs.py"
        self.rule.write_text(RULE, encoding="utf-8")
        self.kernel = package / "backtest" / "kernel.py"
        self.kernel.write_text(KERNEL, encoding="utf-8")

    def call(self, code: str = CALL) -> tuple[list[str], str]:
        """What a fresh process prints: total(5) and how much came from the cache; and stderr."""
        done = self._run(code, self.folder, NUMBA_CACHE_DIR=str(self.cache))
        assert done.returncode == 0, done.stderr
        return done.stdout.split(), done.stderr

    @property
    def index(self) -> Path:
        (path,) = self.cache.rglob("*.nbi")
        return path


@pytest.fixture
def scratch(root: Path, tmp_path: Path, fresh_python: Callable[..., Any]) -> Scratch:
    return Scratch(root, tmp_path, fresh_python)


def test_compiled_code_is_kept_until_a_rule_of_another_file_changes(scratch: Scratch) -> None:
    printed, said = scratch.call()
    assert printed == ["5.0", "0"]
    assert NOTICE in said

    printed, said = scratch.call()
    assert printed == ["5.0", "1"]
    assert said == ""

    # As long as before, so that only the content tells them apart.
    scratch.rule.write_text(RULE.replace("0.5", "2.0"), encoding="utf-8")
    printed, said = scratch.call()
    assert printed == ["20.0", "0"]
    assert NOTICE in said


def test_an_index_that_cant_be_read_is_made_anew(scratch: Scratch) -> None:
    scratch.call()
    version = pickle.dumps(pickle.loads(scratch.index.read_bytes()))
    type_that_is_gone = version + b"cno_such_module\nGone\n."
    cut_short = version + pickle.dumps("x")[:-1]
    for damaged in (type_that_is_gone, cut_short):
        scratch.index.write_bytes(damaged)
        printed, said = scratch.call()
        assert printed == ["5.0", "0"]
        assert said.count(NOTICE) == 1
    printed, said = scratch.call()
    assert printed == ["5.0", "1"]
    assert said == ""


def test_the_notice_comes_once_for_several_kernels(scratch: Scratch) -> None:
    second = KERNEL.replace("total", "again")
    scratch.kernel.with_name("second.py").write_text(second, encoding="utf-8")
    printed, said = scratch.call(
        "from robotrader_sdk.backtest.kernel import total\n"
        "from robotrader_sdk.backtest.second import again\n"
        "print(total(5) + again(5))"
    )
    assert printed == ["10.0"]
    assert said.count(NOTICE) == 1
    assert said.count("\n") == 1


OTHER_SERIES = """
from robotrader_sdk import compiler
compiler.TESTED_SERIES = ()
assert compiler.options_for_rules() == {"no_cfunc_wrapper": True}
"""


def test_a_numba_of_another_series_compiles_by_itself(scratch: Scratch) -> None:
    """And what one has compiled, the other uses."""
    assert scratch.call(OTHER_SERIES + CALL)[0] == ["5.0", "0"]
    assert scratch.call()[0] == ["5.0", "1"]


def test_the_series_of_numba_that_is_installed_was_tested() -> None:
    """Fails on a new series: see whether `robotrader_sdk.compiler` still serves it, then add it."""
    assert "pipeline_class" in compiler.options_for_rules()
    assert "pipeline_class" in compiler.options_for_entries()
