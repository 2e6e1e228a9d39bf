"""Whether a bundle trades as the class it was made of, and what it would keep between bars."""

from __future__ import annotations

from collections.abc import Mapping

from robotrader_sdk.backtest.engine import backtest
from robotrader_sdk.backtest.result import BacktestResult
from robotrader_sdk.data.synthetic import synthetic_bars
from robotrader_sdk.deploy.bundle import Bundle, CheckedCode
from robotrader_sdk.deploy.differences import Traces, first_difference
from robotrader_sdk.deploy.elsewhere import Elsewhere
from robotrader_sdk.deploy.fresh import Answer, Bars, Question, answer
from robotrader_sdk.deploy.kept import AnyStrategy
from robotrader_sdk.deploy.own_values import packed
from robotrader_sdk.errors import (
    BarsError,
    BundleDiffersError,
    DeployError,
    RobotraderError,
)
from robotrader_sdk.strategy.portfolio import PortfolioStrategy

_N_BARS, _N_BARS_FOR_A_LONG_WARMUP = 300, 3_000
_SYMBOLS = ("BTC/USDT", "ETH/USDT", "SOL/USDT")
_BY_CHANCE = (
    "; nor does the class give the same twice: use ctx.rng for chance and ctx.time for the time, "
    "and keep what changes on self"
)
_BY_PROCESS = (
    "; in this process the bundle trades as the class does: settings of the process don't travel "
    "(np.seterr, decimal.getcontext, warnings, pandas options and accessors, attributes set on "
    "others' classes), and hash() of a text differs; set them in init, and use no hash()"
)


def check(bundle: Bundle, strategy: AnyStrategy, bars: Bars | None) -> BacktestResult:
    """See `bundle.check_bundle`."""
    with Elsewhere() as elsewhere:  # loads the library while the class runs here
        expected, question = question_of(bundle, strategy, bars)
        given = elsewhere.ask(question)
    here = Traces.of(expected)
    where = None if given.traces is None else first_difference(here, given.traces)
    if where is not None:
        cause = _cause(here, strategy, question)
        raise BundleDiffersError(f"{bundle.name} and its bundle differ in {where}{cause}")
    if given.problem is not None and given.traces is None:
        kind, message = given.problem
        given = Answer(None, (kind, f"{message}{_cause(here, strategy, question)}"))
    given.raise_problem()
    return expected


def question_of(
    bundle: Bundle, strategy: AnyStrategy, bars: Bars | None
) -> tuple[BacktestResult, Question]:
    """What the class does here, and what to ask a process that has only the bundle."""
    params = packed(strategy.params, type(strategy).__module__)
    expected, used = _run_class(strategy, bars)
    sent = dict(used) if isinstance(used, Mapping) else used
    return expected, Question(CheckedCode(bundle.name, bundle.source, bundle.digest), params, sent)


def _cause(expected: Traces, strategy: AnyStrategy, question: Question) -> str:
    """Why it may be that a copy elsewhere differs; "" if it is its code."""
    again = Traces.of(backtest(strategy, question.bars))
    if first_difference(expected, again) is not None:
        return _BY_CHANCE
    copied = answer(question).traces
    is_alike = copied is not None and first_difference(expected, copied) is None
    return _BY_PROCESS if is_alike else ""


def _run_class(strategy: AnyStrategy, bars: Bars | None) -> tuple[BacktestResult, Bars]:
    """The run of the class itself, and the bars that it took."""
    is_panel = isinstance(strategy, PortfolioStrategy)
    try:
        if bars is not None:
            return backtest(strategy, bars), bars
        try:
            made_up = _made_up(_N_BARS, is_panel)
            return backtest(strategy, made_up), made_up
        except BarsError:
            made_up = _made_up(_N_BARS_FOR_A_LONG_WARMUP, is_panel)
            return backtest(strategy, made_up), made_up
    except RobotraderError as error:
        advice = "" if bars is not None else "; give it bars of its own: check_bundle(..., bars=)"
        raise DeployError(f"{strategy!r} can't be checked: {error}{advice}") from error


def _made_up(n_bars: int, is_panel: bool) -> Bars:
    if not is_panel:
        return synthetic_bars(n_bars, "1h", seed=7)
    return {s: synthetic_bars(n_bars, "1d", seed=k) for k, s in enumerate(_SYMBOLS)}
