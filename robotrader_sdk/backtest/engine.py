"""rt.backtest: a strategy over bars, from the user's DataFrame to the result."""

from __future__ import annotations

from typing import TYPE_CHECKING, cast

from robotrader_sdk.backtest.config import FillAt, LimitFill, MarginMode
from robotrader_sdk.errors import StrategyError
from robotrader_sdk.loading import without_collecting
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.portfolio import PortfolioStrategy
from robotrader_sdk.trading.costs import Fees
from robotrader_sdk.trading.instrument import Instrument

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd

    from robotrader_sdk.backtest.perpetual import Given
    from robotrader_sdk.backtest.result import BacktestResult

_DEFAULT_FEES = Fees()


def backtest(
    strategy: Strategy | PortfolioStrategy,
    bars: pd.DataFrame | Mapping[str, pd.DataFrame],
    *,
    cash: float = 10_000.0,
    fees: Fees | Mapping[str, Fees] = _DEFAULT_FEES,
    slippage: float | Mapping[str, float] = 0.0,
    instrument: Instrument | Mapping[str, Instrument] | None = None,
    fill_at: FillAt = "next_open",
    limit_fill: LimitFill = "through",
    leverage: float | Mapping[str, float] = 1.0,
    margin: MarginMode = "isolated",
    funding: pd.Series | Mapping[str, pd.Series] | None = None,
    mark: pd.Series | pd.DataFrame | Mapping[str, pd.Series | pd.DataFrame] | None = None,
    max_funding_rate: float = 0.003,
    detail: pd.DataFrame | None = None,
) -> BacktestResult:
    """Run a strategy over bars and return what it did and what it earned.

    strategy: an instance, `SmaCross(fast=10)`; it is not changed, so it can run again.
    bars: DataFrame with columns open, high, low, close, volume and a UTC index of open times;
        see `rt.read_bars` and `rt.load_bars`. Or a panel: several symbols, as `rt.Panel` takes
        them; fees, slippage, instrument, leverage, funding and mark may then be dicts by symbol,
        and the result is an `rt.PortfolioResult`.
    cash: quote money before the first bar.
    fees: `rt.Fees(maker=, taker=)`, fractions of notional.
    slippage: fraction of the price, against the trader, on taker fills only.
    instrument: tick size, lot size and minimum notional of the market; None: none of them, long
        and short, fully collateralised.
    fill_at: `"next_open"`: a decision at the close of a bar fills from the next open on;
        `"close"`: market orders fill at that same close, which nobody can trade; for comparison
        with other tools.
    detail: finer bars of the same market, such as minutes inside hours: what happens inside a bar
        is decided by them where they exist. Only what they can't decide is ambiguous then;
        `stats["n_settled"]` counts the trades they have settled.
    limit_fill: `"through"`: a resting limit order fills when the price trades beyond it;
        `"touch"`: when it is reached.

    Of an instrument of kind `"linear_perpetual"` only; `robotrader_sdk.trading.margin` has the
    rules:
    leverage: a position of some notional is opened with a margin of notional / leverage. It is no
        size: with `fraction=1.0` the notional is the equity, whatever the leverage.
    margin: `"isolated"`: a position can lose what was posted for it; `"cross"`: the whole equity.
    funding: rates per interval by time (aware, any spacing), as fractions; longs pay while above 0.
    mark: mark prices by time, or bars of them; the last price where it is not given. Coarser than
        the bars, it is used forward from its open.
    max_funding_rate: the median size of the rates above which they are taken for a mistake.

    The rules in full: `result.contract` and the docstrings of `robotrader_sdk.trading`.
    Raises BarsError, BacktestError, StrategyError or SignalError, all below RobotraderError.
    """
    _check_strategy(strategy)
    settings = {
        "cash": cash,
        "fees": fees,
        "slippage": slippage,
        "instrument": instrument,
        "fill_at": fill_at,
        "limit_fill": limit_fill,
        "leverage": leverage,
        "margin": margin,
        "max_funding_rate": max_funding_rate,
    }
    # What runs a strategy is loaded by the first run, not by whoever mentions rt.backtest.
    with without_collecting():
        from robotrader_sdk.backtest.detail import read_detail
        from robotrader_sdk.backtest.perpetual import read_perpetual
        from robotrader_sdk.backtest.runs import run
        from robotrader_sdk.backtest.settings import is_panel, one_symbol
        from robotrader_sdk.backtest.steps import Steps
        from robotrader_sdk.data.validate import validate_bars

    if is_panel(bars) or isinstance(strategy, PortfolioStrategy):
        from robotrader_sdk.backtest.portfolio.entry import backtest_panel

        return backtest_panel(strategy, bars, settings, funding, mark, detail)
    config = one_symbol(settings, funding=funding, mark=mark)
    frame = validate_bars(cast("pd.DataFrame", bars), report_gaps=False)
    steps = Steps(frame) if detail is None else read_detail(frame, detail)
    perpetual = read_perpetual(steps.frame, config, cast("Given", funding), cast("Given", mark))
    return run(strategy, frame, config, steps, perpetual)


def _check_strategy(strategy: object) -> None:
    kinds = (Strategy, PortfolioStrategy)
    if isinstance(strategy, type) and issubclass(strategy, kinds):
        name = strategy.__name__
        raise StrategyError(f"backtest takes an instance: {name}(), not the class {name}")
    if not isinstance(strategy, kinds):
        raise StrategyError(
            f"strategy must be an instance of a class derived from rt.Strategy or "
            f"rt.PortfolioStrategy, got {strategy!r}"
        )
