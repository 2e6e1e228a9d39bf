"""Short jobs run plain and at once, long ones as machine code; nobody can tell from the result."""

from __future__ import annotations

import subprocess
import sys

import pytest

from robotrader_sdk.compiled import Compiled, compiled

_RUN = """
import sys
import robotrader_sdk as rt
from robotrader_sdk.backtest import kernel
from strategies import Dca, SmaCross
{before}
bars = rt.sample_bars("AAPL").iloc[:1200]
results = [rt.backtest(s, bars, slippage=.001) for s in (SmaCross(allow_short=True), Dca())]
print("numba" in sys.modules)
for result in results:
    print(result.equity_values.tobytes().hex()[-4000:], result.fill_table.tobytes().hex())
    print(result.stats["sharpe"].hex(), result.stats["exposure"].hex())
"""
_COMPILED_FIRST = """
from robotrader_sdk.analytics import exposure, moments
statistics = (moments._scan, exposure._sum_of_shares)
for function in (kernel.run_signals, kernel.match_bar, *statistics):
    function.dispatcher
"""


def _output(before: str) -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", _RUN.format(before=before)],
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.splitlines()


def test_a_short_first_run_needs_no_numba_and_gives_the_same_bits():
    plain, machine_code = _output(""), _output(_COMPILED_FIRST)

    assert (plain[0], machine_code[0]) == ("False", "True")
    assert plain[1:] == machine_code[1:]


@pytest.mark.parametrize(
    ("numba_is_in_use", "job", "n_plain"),
    [
        (False, 100_000.0, 2),
        (False, 10_000.0, 29),
        (True, 100_000.0, 0),
        (True, 4_000.0, 2),
    ],
)
def test_plain_jobs_that_add_up_are_compiled_in_the_end(monkeypatch, numba_is_in_use, job, n_plain):
    monkeypatch.setattr("robotrader_sdk.compiled._has_started", numba_is_in_use)
    doubled: Compiled[[float], float] = compiled(_doubled)

    forms = [doubled.for_work(job) for _ in range(n_plain + 2)]

    assert forms == [_doubled] * n_plain + [doubled] * 2


def test_a_long_job_is_compiled_at_once():
    doubled: Compiled[[float], float] = compiled(_doubled)

    assert doubled.for_work(1e9) is doubled


@pytest.mark.parametrize("value", [0.1, -3.0, 1e300])
def test_machine_code_for_known_types_answers_as_the_function(value):
    doubled: Compiled[[float], float] = compiled(_doubled)

    assert doubled.for_types_of(1.0)(value) == _doubled(value)


def _doubled(value: float) -> float:
    return value * 2.0
