"""State goes round: a bot that was killed decides as if it had lived."""

from __future__ import annotations

import asyncio
import copyreg
import io
import math
import pickle
import random
from functools import cache

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import make_bundle
from robotrader_sdk.strategy.intents import Order
from robotrader_sdk.trading.order import Purpose, SizeUnit
from robotrader_sdk.types import OrderStatus, OrderType, Side
from runner.sandbox.in_process import InProcess
from runner.sandbox.outcome import Outcome
from runner.sandbox.state import Memory, StateWriter, dump_memory, load_memory
from strategies.catalog import CATALOG
from tests.runner.sandbox.jails import MARKET, RICH, flat_bars
from tests.runner.sandbox.library import HOUR, case_of
from tests.runner.sandbox.toy_exchange import ToyExchange

N_BARS, FIRST = 125, 85


def decisions_of(ask, case, kills, seed):
    """What is decided at each bar; at `kills` whoever decides is replaced, with its last state."""

    async def work():
        exchange, found, state = ToyExchange(random.Random(seed)), [], b""
        bot = await ask(case, state)
        for n_bars in range(FIRST, N_BARS):
            if n_bars in kills:
                await bot.kill()
                bot = await ask(case, state)
            bars = case.until(n_bars)
            decision = await bot.decide(bars, exchange.account(bars))
            assert decision.outcome is Outcome.DECIDED, decision.reason
            state = decision.state
            found.append(msgspec.msgpack.encode(decision.intents))  # NaN equals NaN so
            exchange.take(decision.intents, bars)
        await bot.kill()
        return found

    return work()


async def in_process(case, state):
    return InProcess(case.strategy, state, markets=case.markets, timeframe=HOUR)


@cache
def lived(name, seed):
    """What a strategy of the catalog decides that is never interrupted."""
    return asyncio.run(decisions_of(in_process, case_of(name, N_BARS), set(), seed))


KILLS = st.sets(st.integers(FIRST + 1, N_BARS - 1), min_size=1, max_size=8)


@pytest.mark.parametrize("name", CATALOG)
@settings(max_examples=3, deadline=None)
@given(kills=KILLS, seed=st.sampled_from([1, 2]))
def test_whoever_takes_over_decides_as_if_nothing_had_happened(name, kills, seed):
    found = asyncio.run(decisions_of(in_process, case_of(name, N_BARS), kills, seed))
    assert found == lived(name, seed)


@pytest.mark.parametrize("name", [name for name in CATALOG if name != "BuyAndHold"])
def test_the_case_decides_something(name):
    """BuyAndHold does so at the first bar of all, and never again."""
    assert set(lived(name, 1)) - {msgspec.msgpack.encode(())}


@pytest.mark.parametrize("name", CATALOG)
def test_a_bot_that_is_killed_decides_as_one_that_is_not_jailed_at_all(prison, name):
    case = case_of(name, N_BARS)
    kills = set(random.Random(name).sample(range(FIRST + 1, N_BARS), 6))

    async def jailed(case, state):
        bundle = make_bundle(case.strategy)
        params, markets = case.strategy.params, case.markets
        return await prison.jail.spawn(bundle, params, state, markets=markets, timeframe=HOUR)

    assert prison.run(decisions_of(jailed, case, kills, 1)) == lived(name, 1)


class Remembers(rt.Strategy):
    """Keeps an order, an indicator and a count in its attributes, one inside the other."""

    def init(self, bars):
        self.average = self.indicator(rt.ta.sma, bars.close, 3)
        self.kept: dict[str, object] = {}

    def on_bar(self, ctx):
        order = self.kept.get("order")
        if order is None or not order.is_working:
            order = ctx.buy(quantity=1, limit_price=ctx.close * 0.9)
        assert order is next(o for o in ctx.orders if o.number == order.number)
        self.kept = {"order": order, "average": self.average, "count": self.kept.get("count", 0)}
        self.kept["count"] += 1
        assert self.kept["average"][-1] == self.average[-1]


def test_what_an_attribute_holds_stays_the_same_object_as_what_the_context_shows():
    case = case_of("SmaCross", N_BARS)
    case = type(case)(Remembers(), case.markets, case.bars)
    asyncio.run(decisions_of(in_process, case, {90, 91, 100}, 3))


def test_what_refers_to_no_indicator_is_written_as_the_writer_would() -> None:
    orders = (
        Order(n, Side.BUY, OrderType.LIMIT, Purpose.ENTRY, SizeUnit.NOTIONAL, 9.0)
        for n in range(1, 9)
    )
    many = Memory({("A", order.number): order for order in orders}, {"A": 8})
    strategy, buffer = Remembers(), io.BytesIO()
    strategy.kept = {"orders": [*many.orders.values()], "numbers": [1.5, math.inf, "x"]}
    dumped = dump_memory(many, strategy, ())
    content = (many.orders, many.n_orders, many.newest, many.decided)
    StateWriter(buffer, ()).dump((content, {"kept": strategy.kept}))
    assert dumped == buffer.getvalue()


class Buys(rt.Strategy):
    """Buys as much as it is told to; what it makes of its parameter by force is not kept."""

    amount: float = rt.param(1.0, gt=0)

    def on_bar(self, ctx):
        self.count = getattr(self, "count", 0) + 1
        ctx.buy(quantity=self.amount)
        vars(self)["amount"] = 2.0 * self.amount


def _bought(params: dict[str, float], state: bytes) -> tuple[list[float], bytes]:
    bot = InProcess(Buys(**params), state, markets=(MARKET,), timeframe=HOUR)
    decisions = [asyncio.run(bot.decide(flat_bars(n), RICH)) for n in (3, 4)]
    return [order.size for decision in decisions for order in decision.intents], bot.state


def test_a_bot_has_the_parameters_it_is_started_with_and_not_those_of_its_state() -> None:
    first, state = _bought({"amount": 3.0}, b"")
    then, state = _bought({"amount": 5.0}, state)
    again = Buys(amount=7.0)
    load_memory(state, again, ())
    assert (first, then) == ([3.0, 3.0], [5.0, 5.0])
    assert (again.amount, again.count) == (7.0, 4)


def test_parameters_in_a_state_of_before_are_passed_over() -> None:
    dumped = pickle.dumps((({}, {}, None, None), {"amount": 3.0, "seed": 1, "count": 8}))
    strategy = Buys(amount=5.0)
    load_memory(dumped, strategy, ())
    assert vars(strategy) == {"amount": 5.0, "seed": 0, "count": 8}


def test_an_order_comes_back_with_all_its_values_and_as_one() -> None:
    order = Order(3, Side.SELL, OrderType.STOP, Purpose.EXIT, SizeUnit.RISK, 0.5, 1.0, 2.0, 4)
    order.status, order.fill_price, order.reject_reason = OrderStatus.FILLED, 7.0, "why"
    order.cancel_requested = True
    strategy, again = Remembers(), Remembers()
    strategy.kept = [order]
    memory = load_memory(dump_memory(Memory({("A", 3): order}), strategy, ()), again, ())
    (back,) = again.kept
    assert memory.orders["A", 3] is back
    assert repr(back) == repr(order)


def test_an_order_that_was_written_by_its_slots_is_read() -> None:
    order = Order(3, Side.BUY, OrderType.MARKET, Purpose.ENTRY, SizeUnit.FRACTION, 1.0)
    values = {name: getattr(order, name) for name in Order.__slots__}

    class BySlots(pickle.Pickler):
        def reducer_override(self, obj):
            if isinstance(obj, Order):
                return copyreg.__newobj__, (Order,), (None, values)
            return NotImplemented

    buffer = io.BytesIO()
    BySlots(buffer, protocol=5).dump((({("A", 3): order}, {"A": 3}, None, None), {}))
    memory = load_memory(buffer.getvalue(), Remembers(), ())
    assert repr(memory.orders["A", 3]) == repr(order)
