"""The far side of a check: a bundle's runs in a process that knows its source and nothing else."""

from __future__ import annotations

import os
import pickle
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import pandas as pd

from robotrader_sdk.backtest.engine import backtest
from robotrader_sdk.deploy.bundle import CheckedCode, load_anew
from robotrader_sdk.deploy.differences import Traces, first_difference
from robotrader_sdk.deploy.kept import AnyStrategy, Keeper, check_state
from robotrader_sdk.deploy.own_values import unpacked
from robotrader_sdk.deploy.restarts import Made, Restarts
from robotrader_sdk.deploy.shared import first_change, shared_values
from robotrader_sdk.errors import (
    BundleDiffersError,
    BundleError,
    DeployError,
    RobotraderError,
    StateError,
)
from robotrader_sdk.strategy.base import is_vectorised
from robotrader_sdk.strategy.portfolio import PortfolioStrategy, gives_weights

Bars = pd.DataFrame | Mapping[str, pd.DataFrame]

_MODULE = "robotrader_bundle_check"
_ERRORS: dict[str, type[DeployError]] = {
    kind.__name__: kind for kind in (DeployError, BundleError, BundleDiffersError, StateError)
}


class Question(NamedTuple):
    """What to run; params: see `own_values.packed`."""

    code: CheckedCode
    params: bytes
    bars: Bars


@dataclass(frozen=True)
class Answer:
    """traces: of the run, None where there was none. problem: the kind of error and its text."""

    traces: Traces | None
    problem: tuple[str, str] | None = None

    def raise_problem(self) -> None:
        """DeployError, BundleError, BundleDiffersError or StateError if there is a problem."""
        if self.problem is not None:
            kind, message = self.problem
            raise _ERRORS[kind](message)


def main() -> None:
    """Answer the question on stdin; whatever the user's code prints goes nowhere."""
    question = Question(*pickle.load(sys.stdin.buffer))  # noqa: S301 - from `elsewhere`
    reply = os.fdopen(os.dup(1), "wb")
    nowhere = os.open(os.devnull, os.O_RDWR)
    os.dup2(nowhere, 0)
    os.dup2(nowhere, 1)
    with reply:
        pickle.dump(answer(question), reply, protocol=5)


def answer(question: Question) -> Answer:
    """Run a bundle, and once more with restarts."""
    traces: list[Traces] = []
    before = sys.modules.get(_MODULE)
    try:
        _check(question, traces)
    except DeployError as error:
        return Answer(next(iter(traces), None), (type(error).__name__, str(error)))
    finally:
        sys.modules.pop(_MODULE, None)
        if before is not None:
            sys.modules[_MODULE] = before
    return Answer(traces[0])


def _check(question: Question, traces: list[Traces]) -> None:
    """DeployError says what is wrong; traces: gets those of the run, if it comes to its end."""
    name = question.code.name
    module, strategy = _made(question)
    shared, keeper = shared_values(module), Keeper(strategy)
    try:
        traces.append(Traces.of(backtest(keeper.strategy, question.bars)))
    except RobotraderError as error:
        raise BundleDiffersError(f"{name} runs, and its bundle doesn't: {error}") from error
    changed = first_change(shared, shared_values(module))
    if changed is not None:
        raise BundleDiffersError(
            f"{name} changes {changed} while it runs, which a restarted bot would lose; keep it "
            f"on self, made in init"
        )
    check_state(keeper)
    if _is_event_form(strategy):
        _check_restarts(question, traces[0])


def _check_restarts(question: Question, undisturbed: Traces) -> None:
    name, bars = question.code.name, question.bars
    n_bars = max(map(len, bars.values())) if isinstance(bars, Mapping) else len(bars)
    restarts = Restarts(lambda: _made(question), n_bars)
    try:
        disturbed = Traces.of(backtest(restarts.strategy, bars))
    except StateError:
        raise
    except RobotraderError as error:
        raise BundleDiffersError(
            f"{name} fails once it is started again from what it keeps on self: {error}"
        ) from error
    where = first_difference(undisturbed, disturbed)
    if where is not None:
        raise BundleDiffersError(
            f"{name} decides differently once it is started again from what it keeps on self, in "
            f"{where}; something beside self changes while it runs (a class attribute, a default "
            f"argument, a cache, a global): keep it on self, made in init"
        )


def _made(question: Question) -> Made:
    """The bundle read anew, and a strategy of it."""
    name = question.code.name
    module = load_anew(question.code, _MODULE)
    try:
        return module, getattr(module, name)(**unpacked(question.params, module))
    except RobotraderError as error:
        raise BundleDiffersError(f"{name} runs, and its bundle doesn't: {error}") from error
    except Exception as error:
        said = " ".join(str(error).split())
        raise BundleDiffersError(
            f"{name} can't be made from its bundle with the same parameters: "
            f"{type(error).__name__}: {said}"
        ) from error


def _is_event_form(strategy: AnyStrategy) -> bool:
    """Whether it is called bar by bar: the other forms keep nothing."""
    if isinstance(strategy, PortfolioStrategy):
        return not gives_weights(strategy)
    return not is_vectorised(strategy)
