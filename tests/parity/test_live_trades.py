"""What is tested is what trades: a bot, run through real ccxt, makes the trades of its backtest."""

from __future__ import annotations

from decimal import Decimal

import pandas as pd
import pytest

import robotrader_sdk as rt
from robotrader_sdk.data.validate import BarsWarning
from runner.testnet.core.market_file import read_markets
from runner.testnet.core.perpetual_series import PerpetualSeries
from runner.testnet.core.settings import Settings
from tests.parity.live import Setup, params_for, run_live, trades_of
from tests.parity.strategies import SPOT, STRATEGIES, Carries, Flips, Spins, Turns
from tests.runner.testnet.conftest import exchange_of

MARKETS = {market.symbol: market for market in read_markets()}

SERIES = {
    "days": ("BTC/USDT", "binance_BTC-USDT_1d_2020.csv", "1d", slice(40, 125), "100000"),
    "minutes": ("BTC/USD", "bitstamp_BTC-USD_1m_2020-01-01.csv", "1m", slice(0, 85), "100000"),
    "five minutes": ("ETH/BTC", "ETH-BTC_5m_2018-01.csv", "5m", slice(0, 85), "30"),
}

PAIRS = [
    pytest.param(name, one.__name__, marks=[] if n % 3 == k else [pytest.mark.long])
    for n, one in enumerate(SPOT)
    for k, name in enumerate(SERIES)
]
"""Each strategy on one of the series; on the others under `long`."""

EVENTS = (
    ("Trims", {"unit": "notional"}),
    ("Trims", {"unit": "quantity"}),
    ("Trims", {"unit": "fraction"}),
    ("Waits", {}),
    ("Swaps", {}),
    ("Risks", {}),
)
N_SHORT = 24
EVENT_RUNS = [
    pytest.param(name, strategy, more, n_bars, marks=marks)
    for n, (strategy, more) in enumerate(EVENTS)
    for k, name in enumerate(SERIES)
    for n_bars, marks in ((N_SHORT, []), (None, [pytest.mark.long]))
    if n % 3 == k or n_bars is None
]
"""Each of them on a part of one of the series; on all of each under `long`."""


def fees_of(market) -> rt.Fees:
    return rt.Fees(maker=float(market.maker_fee), taker=float(market.taker_fee))


def check(live, run, symbol: str = "", *, least: int = 5) -> None:
    theirs = trades_of(run, symbol)
    assert live.trades == theirs
    assert len(theirs) >= least
    check_equity(live, run)


FEE_NOISE = 0.5e-8
"""Exchanges book fees in whole 1e-8 of the quote, a backtest to the last digit."""


def check_equity(live, run) -> None:
    equity, noise = run.equity, FEE_NOISE * len(run.fills)
    assert len(live.equity) >= len(equity) - 3
    for time, value in live.equity.items():
        assert value == pytest.approx(float(equity.loc[time]), rel=1e-9, abs=noise), time


@pytest.mark.parametrize(("name", "strategy"), PAIRS)
def test_a_bot_makes_the_trades_of_its_backtest(serve, real_bars, tmp_path, strategy, name):
    more = {"notional": float(SERIES[name][-1]) / 50} if strategy == "Dip" else {}
    check_spot(serve, real_bars, tmp_path, name, strategy, more)


@pytest.mark.parametrize(("name", "strategy", "more", "n_bars"), EVENT_RUNS)
def test_an_event_strategy_makes_the_trades_of_its_backtest(
    serve, real_bars, tmp_path, name, strategy, more, n_bars
):
    check_spot(serve, real_bars, tmp_path, name, strategy, more, n_bars)


def check_spot(serve, real_bars, tmp_path, name, strategy, more, n_bars=None) -> None:
    symbol, file, timeframe, part, capital = SERIES[name]
    bars = rt.read_bars(real_bars / file).iloc[part].iloc[:n_bars]
    market, params = MARKETS[symbol], params_for(bars) | more
    run = rt.backtest(
        STRATEGIES[strategy](**params),
        bars.iloc[:-1],
        cash=float(capital),
        instrument=market.instrument(),
        fees=fees_of(market),
    )
    assert run.stats["n_rejected"] == 0
    served = serve(exchange_of({symbol: bars}, balances={market.quote: str(2 * int(capital))}))
    setup = Setup(
        strategy=strategy, params=params, bars={symbol: bars}, venue="binance",
        timeframe=timeframe, quote=market.quote, capital=capital,
    )  # fmt: skip
    check(run_live(served, setup, tmp_path), run, symbol, least=2)


def real_panel(real_bars) -> dict[str, pd.DataFrame]:
    """Days of three years, as if they were of one: no two real series have one quote and time."""
    first = rt.read_bars(real_bars / "binance_BTC-USDT_1d_2020.csv").iloc[:90]
    with pytest.warns(BarsWarning, match="gaps"):
        others = rt.read_bars(real_bars / "coinbase_BTC-USD_1d.csv")
    panel = {"BTC/USDT": first}
    for symbol, year, scale in (("ETH/USDT", "2017", 10.0), ("SOL/USDT", "2016", 10.0)):
        part = others.loc[year].iloc[:90].set_axis(first.index)
        prices = (part[["open", "high", "low", "close"]] / scale).round(2)
        panel[symbol] = part.assign(**prices)
    return panel


def check_portfolio(live, run, *, least: int) -> None:
    def key(trade):
        return (trade.entry_time, trade.symbol)

    assert sorted(live.trades, key=key) == sorted(trades_of(run), key=key)
    assert len(live.trades) >= least
    check_equity(live, run)


def test_a_portfolio_makes_the_trades_of_its_backtest(serve, real_bars, tmp_path):
    check_spot_portfolio(serve, tmp_path, real_panel(real_bars), "Weights")


@pytest.mark.parametrize("n_bars", [14, pytest.param(60, marks=pytest.mark.long)])
@pytest.mark.parametrize("strategy", ["Tilts", "Juggles"])
def test_prices_off_tick_make_no_difference(serve, real_bars, tmp_path, strategy, n_bars):
    """What a taker pays is in whole ticks; the price that others see is not, in older bars."""
    bars = {symbol: part.iloc[:n_bars] for symbol, part in real_panel(real_bars).items()}
    for symbol in ("ETH/USDT", "SOL/USDT"):
        prices = bars[symbol][["open", "high", "low", "close"]] * 1.00037
        bars[symbol] = bars[symbol].assign(**prices)
    check_spot_portfolio(serve, tmp_path, bars, strategy)


def check_spot_portfolio(serve, tmp_path, bars, strategy) -> None:
    run = portfolio_backtest(STRATEGIES[strategy](), bars)
    served = serve(exchange_of(bars, balances={"USDT": "100000"}))
    setup = Setup(
        strategy=strategy, params={}, bars=bars, venue="binance", timeframe="1d", quote="USDT",
        capital="50000",
    )  # fmt: skip
    check_portfolio(run_live(served, setup, tmp_path), run, least=10)


@pytest.mark.parametrize(("venue", "suffix"), [("binance", ""), ("bybit", ":USDT")])
def test_an_event_portfolio_makes_the_trades_of_its_backtest(
    serve, real_bars, tmp_path, venue, suffix
):
    """Of perpetuals, what turns around or leaves makes room for what enters at the same open."""
    panel = {symbol + suffix: part.iloc[:45] for symbol, part in real_panel(real_bars).items()}
    bars = {symbol: part.round(1) for symbol, part in panel.items() if symbol in MARKETS}
    params = {"shorts": bool(suffix)}
    run = portfolio_backtest(Spins(**params), bars)
    settings = Settings(funding_rate=Decimal(0))
    served = serve(exchange_of(bars, balances={"USDT": "100000"}, settings=settings))
    setup = Setup(
        strategy="Spins", params=params, bars=bars, venue=venue, timeframe="1d", quote="USDT",
        capital="50000",
    )  # fmt: skip
    check_portfolio(run_live(served, setup, tmp_path), run, least=20)


@pytest.mark.parametrize("n_bars", [20, pytest.param(None, marks=pytest.mark.long)])
def test_an_event_strategy_on_a_perpetual_makes_the_trades_of_its_backtest(
    serve, real_bars, tmp_path, n_bars
):
    symbol = "BTC/USDT:USDT"
    _, file, timeframe, part, capital = SERIES["days"]
    bars = rt.read_bars(real_bars / file).iloc[part].iloc[:n_bars].round(1)
    market, params = MARKETS[symbol], params_for(bars)
    run = rt.backtest(
        Flips(**params),
        bars.iloc[:-1],
        cash=float(capital),
        instrument=market.instrument(),
        fees=fees_of(market),
        leverage=2.0,
    )
    assert run.stats["n_rejected"] == 0
    settings = Settings(funding_rate=Decimal(0))
    served = serve(exchange_of({symbol: bars}, balances={"USDT": "300000"}, settings=settings))
    setup = Setup(
        strategy="Flips", params=params, bars={symbol: bars}, venue="bybit", timeframe=timeframe,
        quote="USDT", capital=capital, leverage="2",
    )  # fmt: skip
    live = run_live(served, setup, tmp_path)
    check(live, run, symbol)
    assert {trade.direction for trade in live.trades} == {"long", "short"}


@pytest.mark.parametrize("n_bars", [24, pytest.param(70, marks=pytest.mark.long)])
@pytest.mark.parametrize("margin", ["isolated", "cross"])
def test_weights_beside_a_leveraged_perpetual_make_the_trades_of_a_backtest(
    serve, real_bars, tmp_path, margin, n_bars
):
    """It ties up its margin, and its pnl where that is its own: spot gets what money is left."""
    panel = {symbol: part.iloc[:n_bars].round(1) for symbol, part in real_panel(real_bars).items()}
    bars = {"ETH/USDT": panel["ETH/USDT"], "BTC/USDT:USDT": panel["BTC/USDT"]}
    run = portfolio_backtest(
        Carries(), bars, margin=margin, leverage={"ETH/USDT": 1.0, "BTC/USDT:USDT": 3.0}
    )
    settings = Settings(funding_rate=Decimal(0))
    served = serve(exchange_of(bars, balances={"USDT": "100000"}, settings=settings))
    setup = Setup(
        strategy="Carries", params={}, bars=bars, venue="bybit", timeframe="1d", quote="USDT",
        capital="50000", leverage="3", margin_mode=margin,
    )  # fmt: skip
    check_portfolio(run_live(served, setup, tmp_path), run, least=6)


def portfolio_backtest(strategy, bars, **more):
    run = rt.backtest(
        strategy,
        {symbol: frame.iloc[:-1] for symbol, frame in bars.items()},
        cash=50_000.0,
        instrument={symbol: MARKETS[symbol].instrument() for symbol in bars},
        fees={symbol: fees_of(MARKETS[symbol]) for symbol in bars},
        **more,
    )
    assert run.stats["n_rejected"] == 0
    return run


def test_a_perpetual_with_funding_makes_the_trades_of_its_backtest(serve, real_bars, tmp_path):
    symbol = "XRP/USDT:USDT"
    bars = rt.read_bars(real_bars / "binance_XRP-USDT-perp_5m_2021-11.csv").iloc[830:975]
    mark = rt.read_bars(real_bars / "binance_XRP-USDT-perp_1h_mark_2021-11.csv").round(4)
    rates = pd.read_csv(real_bars / "binance_XRP-USDT-perp_funding_8h_2021-11.csv")
    funding = pd.Series(
        rates.iloc[:, 1].to_numpy(float),
        index=pd.to_datetime(rates.iloc[:, 0], utc=True, format="ISO8601"),
    )
    market = MARKETS[symbol]
    params = params_for(bars)
    run = rt.backtest(
        Turns(**params),
        bars.iloc[:-1],
        cash=5_000.0,
        instrument=market.instrument(),
        fees=fees_of(market),
        leverage=3.0,
        funding=funding,
        mark=mark,
    )
    assert run.stats["n_rejected"] == 0
    exchange = exchange_of({symbol: bars}, balances={"USDT": "100000"})
    exchange.linear.give(
        symbol,
        PerpetualSeries(
            exchange.tape.series[symbol],
            market.funding_interval_minutes,
            mark=mark,
            funding=funding,
        ),
    )
    setup = Setup(
        strategy="Turns", params=params, bars={symbol: bars}, venue="bybit", timeframe="5m",
        quote="USDT", capital="5000", leverage="3",
    )  # fmt: skip
    live = run_live(serve(exchange), setup, tmp_path)
    check(live, run, symbol)
    assert any(trade.direction == "short" for trade in live.trades)
    payments = [t for t in exchange.records.trades if t.kind == "funding"]
    assert len(payments) >= 1
