"""The benchmarks in small: they run, and the contenders do the same work."""

from __future__ import annotations

import pytest

from tests.benchmarks import load, local_exchange, markets, memory, ours, peers, startup
from tests.benchmarks.__main__ import Promise


def test_both_forms_give_the_same_figures():
    bars = markets.random_walk(5_000)

    assert ours.vectorised(bars) == ours.event(bars)


def test_the_event_peer_makes_the_same_trades():
    bars = markets.random_walk(5_000)

    _, trades = peers.backtesting_py_job(bars)()

    assert trades == pytest.approx(ours.event(bars)[1], abs=1)


def test_peak_memory_is_measured_in_sizes_of_the_bars():
    assert 0.0 < memory.peak_over_bars(1_000_000) < 6.0


def test_a_fresh_interpreter_is_timed():
    assert startup.run_fresh("import time; time.sleep(.2)") >= 0.2


@pytest.mark.parametrize(
    ("figure", "at_most", "kept"), [(1.0, True, True), (3.0, True, False), (3.0, False, True)]
)
def test_a_missed_promise_is_told(figure, at_most, kept):
    promise = Promise("x", figure, 2.0, at_most, "")

    assert promise.kept is kept
    assert ("MISSED" in str(promise)) is not kept


def test_both_venues_take_and_cancel_what_is_sent_to_be_timed():
    rates = local_exchange.signed_requests_a_second(40)

    assert set(rates) == {"binance", "bybit"}
    assert min(rates.values()) > 0


def test_orders_rest_while_bars_are_stepped_through():
    assert local_exchange.seconds_for_bars(300) > 0


def test_bars_are_asked_for_once_however_many_bots_there_are():
    few, many = load.measure(40, 1), load.measure(100, 1)

    assert few.requests == many.requests == load.N_SERIES
    assert many.n_orders > 0
