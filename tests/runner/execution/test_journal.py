"""The journal, on SQLite and PostgreSQL alike."""

from __future__ import annotations

import asyncio
import itertools
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from robotrader_sdk.types import Side
from runner.execution.errors import BotError, IllegalMoveError
from runner.execution.identity import Purpose
from runner.execution.journal.bots import add_bot, pause, set_state, turn_on
from runner.execution.journal.ledger import Party, enter, expected_balances, holdings_of
from runner.execution.journal.moves import move
from runner.execution.journal.tables import (
    BotRow,
    BotState,
    EntryKind,
    EntryRow,
    FillRow,
    LotRow,
    OrderRow,
    PositionRow,
)
from runner.execution.killing import obey_switches
from runner.execution.status import Status
from runner.storage.upgrade import differences
from tests.runner.execution.journal_rows import PERP, SPOT, START, Booker, in_journal, terms

BUY, SELL = Side.BUY, Side.SELL


def booked(url, use, market=SPOT, **more):
    async def work(database):
        async def write(session):
            return await use(await Booker.new(session, market, **more))

        return await database.write(write)

    return in_journal(url, work)


def test_the_migrations_make_the_tables_that_the_code_expects(database_url):
    assert in_journal(database_url, differences) == []


def test_a_fill_is_entered_once_by_its_trade_id(database_url):
    async def use(booker):
        order = await booker.order(BUY, "2")
        fill = {"trade_id": "t1"}
        assert await booker.book(order, "1", "100", "0.1", **fill)
        assert not await booker.book(order, "1", "100", "0.1", **fill)
        assert await booker.book(order, "1", "101", "0.1", trade_id="t2")
        assert len(await booker.rows(FillRow)) == 2
        assert (order.filled, order.filled_value) == (2, 201)
        (lot,) = await booker.rows(LotRow)
        assert (lot.quantity, lot.entry_price) == (2, Decimal("100.5"))
        return await holdings_of(booker.session, "main", booker.bot.id)

    held = booked(database_url, use)
    assert held == {"BTC": 2, "USDT": Decimal("-201.2")}


NUMBERS = itertools.count(1)
TRADES = st.lists(
    st.tuples(
        st.sampled_from(["0.1", "0.25", "1.003"]),
        st.sampled_from(["99.99", "100", "123.45"]),
        st.sampled_from([("0", "USDT"), ("0.12", "USDT"), ("0.0001", "BTC"), ("0.003", "BNB")]),
    ),
    min_size=1,
    max_size=8,
)


@settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
@given(TRADES, st.booleans())
def test_entries_add_up_to_what_was_traded(sqlite_url, trades, sells):
    """All in one database, each time by a bot with an account of its own."""
    account = f"account-{next(NUMBERS)}"
    totals: dict[str, Decimal] = {}

    def count(asset, amount):
        totals[asset] = totals.get(asset, Decimal(0)) + amount

    async def use(booker):
        for number, (quantity, price, (fee, asset)) in enumerate(trades):
            side = SELL if sells and number % 2 else BUY
            await booker.trade(side, quantity, price, fee, asset)
            count("BTC", int(side) * Decimal(quantity))
            count("USDT", -int(side) * Decimal(quantity) * Decimal(price))
            count(asset, -Decimal(fee))
        sums: dict[str, Decimal] = {}
        for entry in await booker.rows(EntryRow):
            if entry.account == account:
                sums[entry.asset] = sums.get(entry.asset, Decimal(0)) + entry.amount
        return sums, await expected_balances(booker.session, account)

    sums, expected = booked(sqlite_url, use, account=account)
    wanted = {asset: total for asset, total in totals.items() if total}
    assert {asset: total for asset, total in sums.items() if total} == wanted
    assert {asset: total for asset, total in expected.items() if total} == wanted


def test_what_a_spot_sale_takes_beyond_the_lots_opens_none(sqlite_url):
    """The fee in base left less than a lot holds; the account's other coins made up for it."""

    async def use(booker):
        await booker.trade(BUY, "0.1", "100", "0.0001", "BTC")
        await booker.trade(SELL, "0.1", "100", "0.0001", "BTC")
        await booker.trade(BUY, "0.1", "100", "0.1", "BTC")
        await booker.trade(SELL, "0.1", "100", "0.12", "USDT")
        return [(lot.direction, lot.opened, lot.is_open) for lot in await booker.rows(LotRow)]

    assert booked(sqlite_url, use) == [(1, Decimal("0.0999"), False), (1, Decimal(0), False)]


def test_lots_close_first_in_first_out_and_protection_closes_its_own(database_url):
    async def use(booker):
        first = await booker.trade(BUY, "1", "100")
        second = await booker.trade(BUY, "2", "110")
        await booker.trade(SELL, "1.5", "120")
        await booker.trade(
            SELL, "0.25", "90", purpose=Purpose.STOP_LOSS, lot=second.client_order_id
        )
        lots = {lot.entry: lot for lot in await booker.rows(LotRow)}
        return [
            (lot.quantity, lot.exit_quantity, lot.exit_value, lot.is_open, lot.exit_purpose)
            for lot in (lots[first.client_order_id], lots[second.client_order_id])
        ]

    assert booked(database_url, use) == [
        (0, 1, 120, False, Purpose.EXIT),
        (Decimal("1.25"), Decimal("0.75"), Decimal("82.5"), True, Purpose.STOP_LOSS),
    ]


def test_dust_is_an_end(database_url):
    """A fee in base leaves less than was bought, and the rest is less than a lot."""

    async def use(booker):
        await booker.trade(BUY, "1", "100", "0.001", "BTC")
        (lot,) = await booker.rows(LotRow)
        assert lot.quantity == Decimal("0.999")
        await booker.trade(SELL, "0.9985", "100")
        (position,) = await booker.rows(PositionRow)
        return lot.is_open, lot.is_dust, lot.quantity, position.quantity

    assert booked(database_url, use) == (False, True, Decimal("0.0005"), Decimal("0.0005"))


def test_an_entry_that_brings_less_than_a_lot_is_dust_until_it_fills_on(database_url):
    async def use(booker):
        entry = await booker.order(BUY, "0.003")
        await booker.book(entry, "0.001", "100", "0.000001", "BTC")
        (lot,) = await booker.rows(LotRow)
        seen = [(lot.is_open, lot.is_dust, lot.quantity)]
        await booker.book(entry, "0.002", "100", "0.000002", "BTC")
        seen.append((lot.is_open, lot.is_dust, lot.quantity))
        return seen

    assert booked(database_url, use) == [
        (False, True, Decimal("0.000999")),
        (True, False, Decimal("0.002997")),
    ]


def test_a_late_fill_of_an_entry_opens_its_lot_again(database_url):
    async def use(booker):
        entry = await booker.order(BUY, "2")
        await booker.book(entry, "1", "100")
        await booker.trade(SELL, "1", "101")
        (lot,) = await booker.rows(LotRow)
        assert not lot.is_open
        await booker.book(entry, "1", "100")
        return lot.is_open, lot.quantity, lot.opened

    assert booked(database_url, use) == (True, 1, 2)


def test_a_closed_position_takes_its_orders_along(database_url):
    async def use(booker):
        entry = await booker.trade(BUY, "1", "100")
        stop = await booker.order(SELL, "1", purpose=Purpose.STOP_LOSS, lot=entry.client_order_id)
        await booker.trade(SELL, "1", "101")
        await booker.session.flush()
        return stop.cancel_wanted

    assert booked(database_url, use) is True


@pytest.mark.parametrize(
    ("trades", "quantity", "entry_value", "realized"),
    [
        ([(BUY, "1", "100"), (BUY, "1", "110")], 2, 210, 0),
        ([(BUY, "2", "100"), (SELL, "1", "110")], 1, 100, 10),
        ([(BUY, "1", "100"), (SELL, "3", "90")], -2, -180, -10),
        ([(SELL, "2", "100"), (BUY, "2", "90")], 0, 0, 20),
        ([(SELL, "1", "100"), (BUY, "4", "120"), (SELL, "3", "130")], 0, 0, 10),
    ],
)
def test_a_perpetuals_pnl(database_url, trades, quantity, entry_value, realized):
    async def use(booker):
        for side, amount, price in trades:
            await booker.trade(side, amount, price, purpose=Purpose.ENTRY)
        (position,) = await booker.rows(PositionRow)
        held = await holdings_of(booker.session, "main", booker.bot.id)
        return position.quantity, position.entry_value, held.get("USDT", 0)

    assert booked(database_url, use, PERP) == (quantity, entry_value, realized)


def test_an_entry_of_the_ledger_is_made_once_by_its_reference(database_url):
    async def use(booker):
        party = Party("alice", "main", booker.bot.id)
        amount = Decimal("-0.123456789012345678")
        given = (EntryKind.FUNDING, "USDT", amount, "BTC f1", START)
        assert await enter(booker.session, party, *given)
        assert not await enter(booker.session, party, *given)
        return await holdings_of(booker.session, "main", booker.bot.id)

    assert booked(database_url, use) == {"USDT": Decimal("-0.123456789012345678")}


def test_an_illegal_move_is_refused_and_nothing_is_written(database_url):
    async def work(database):
        async def first(session):
            booker = await Booker.new(session)
            order = await booker.trade(BUY, "1", "100")
            move(order, Status.FILLED, START)
            return order.client_order_id

        order_id = await database.write(first)

        async def second(session):
            order = await session.get_one(OrderRow, order_id)
            order.reason = "written before the mistake"
            move(order, Status.WORKING, START)

        with pytest.raises(IllegalMoveError, match="is filled and can't become working"):
            await database.write(second)
        async with database.reading() as session:
            order = await session.get_one(OrderRow, order_id)
            return order.status, order.reason, order.is_open, order.ended_at

    assert in_journal(database_url, work) == (Status.FILLED, "", False, START)


@pytest.mark.parametrize("slower", ["pause", "obey"])
def test_a_bot_that_is_stopped_for_good_meanwhile_stays_so(database_url, slower):
    """Its owner stops it while something that has read its state is about to pause it."""

    async def work(database):
        bot = await database.write(lambda s: add_bot(s, terms()))
        switch = {"flatten": False, "reason": "enough", "at": START}
        await database.write(lambda s: turn_on(s, "all", "", **switch))

        async def pause_slowly(session):
            if slower == "pause":
                await pause(session, bot.id, "its key was refused")
            else:
                await obey_switches(session, bot.id, {})
            await asyncio.sleep(0.3)

        async def stop():
            await asyncio.sleep(0.1)
            await database.write(lambda s: set_state(s, bot.id, BotState.STOPPED, "over"))

        await asyncio.gather(database.write(pause_slowly), stop())
        async with database.reading() as session:
            return (await session.get_one(BotRow, bot.id)).state

    assert in_journal(database_url, work) is BotState.STOPPED


@pytest.mark.parametrize("more", [{"exchange": "bybit"}, {"mode": "paper"}])
def test_an_account_is_at_one_exchange_for_ever(sqlite_url, more):
    """Its ledger adds up to what that exchange says it has, also once its bots are stopped."""

    async def work(database):
        first = await database.write(lambda s: add_bot(s, terms()))
        await database.write(lambda s: set_state(s, first.id, BotState.STOPPED, "over"))
        with pytest.raises(BotError, match=r"account 'main' is live at binance .*another name"):
            await database.write(lambda s: add_bot(s, terms(**more)))
        await database.write(lambda s: add_bot(s, terms(**more, account="other")))

    in_journal(sqlite_url, work)


@pytest.mark.parametrize("state", [BotState.RUNNING, BotState.STOPPED])
def test_an_account_is_one_owners(sqlite_url, state):
    """An engine asks for an account's broker once, and so for one owner's keys."""

    async def work(database):
        first = await database.write(lambda s: add_bot(s, terms()))
        await database.write(lambda s: set_state(s, first.id, state, ""))
        with pytest.raises(BotError, match="account 'main' is another owner's"):
            await database.write(lambda s: add_bot(s, terms(owner_id="bob")))
        await database.write(lambda s: add_bot(s, terms(owner_id="bob", account="other")))

    in_journal(sqlite_url, work)


def test_a_perpetual_is_one_bots_until_that_is_stopped_and_holds_nothing(sqlite_url):
    async def work(database):
        async def trade(session):
            booker = await Booker.new(session, PERP)
            await booker.trade(BUY, "1", "100")
            return booker.bot.id

        def add(session):
            return add_bot(session, terms(PERP))

        first = await database.write(trade)
        for _ in range(2):  # running, and then stopped
            with pytest.raises(BotError, match="trades BTC/USDT:USDT with account 'main' already"):
                await database.write(add)
            await database.write(lambda s: set_state(s, first, BotState.STOPPED, "over"))

        async def sell(session):
            (entry,) = await session.scalars(select(OrderRow))
            entry.is_open = False
            booker = Booker(session, await session.get_one(BotRow, first), PERP)
            booker.n_fills = 1
            (await booker.trade(SELL, "1", "100")).is_open = False

        await database.write(sell)
        await database.write(add)

    in_journal(sqlite_url, work)
