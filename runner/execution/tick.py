"""run_tick: one bot at one closed bar, from what it wants to what is sent.

Around a pure decision stands one transaction: what the strategy remembers, what it logged and
every order it may send are written together, and sent afterwards. Running a tick twice changes
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

import pandas as pd
from sqlalchemy.ext.asyncio import AsyncSession

from robotrader_sdk.errors import RobotraderError
from robotrader_sdk.strategy.base import Strategy
from robotrader_sdk.strategy.portfolio import PortfolioStrategy
from robotrader_sdk.types import Timeframe
from runner.execution.broker import OpenOrders
from runner.execution.deciding import decide
from runner.execution.deciding_portfolio import decide_portfolio
from runner.execution.decision import Decision, NewOrder
from runner.execution.errors import BotError, LeaseLostError
from runner.execution.executor import Executor
from runner.execution.funding import collect_all_funding
from runner.execution.journal.bots import bot_to_change
from runner.execution.journal.orders import (
    add_order,
    openings_since,
    orders_by_id,
    want_cancelled,
)
from runner.execution.journal.standing import Standing
from runner.execution.journal.tables import BotRow, BotState, OrderRow, TickRow
from runner.execution.journal.ticks import claim, equity_at, trail
from runner.execution.killing import openings
from runner.execution.largest import split, too_large, write_parts
from runner.execution.points import reach
from runner.execution.risk import RiskGate, Watch, day_of, watch_equity
from runner.execution.rules import Rules
from runner.execution.status import Status
from runner.execution.weighing import weigh
from runner.storage.database import Database

Histories = Mapping[str, pd.DataFrame]


@dataclass(slots=True)
class RunningBot:
    """A bot in service: its strategy, its rules, and its way to the exchange.

    fence: the number of the engine it runs in. installation: the database's code in ids. unfit:
    why it may not decide, or ""; what it holds is looked after all the same.
    """

    database: Database
    bot_id: int
    strategy: Strategy | PortfolioStrategy | None
    rules: dict[str, Rules]
    timeframe: Timeframe
    executor: Executor
    fence: int
    installation: str
    unfit: str = ""


@dataclass(slots=True)
class TickReport:
    """What a tick came to. was_done: it had been done before."""

    bar: datetime
    was_done: bool = False
    n_orders: int = 0
    equity: Decimal | None = None
    logs: list[str] = field(default_factory=list)


async def run_tick(
    bot: RunningBot,
    histories: Histories,
    *,
    is_late: bool = False,
    working: OpenOrders | None = None,
) -> TickReport:
    """Let a bot decide at the newest bar of its histories, once, and see to what follows.

    is_late: the bar is not the newest closed one: nothing is opened any more. working: see
    `Executor.look`.
    """
    open_time = max(bars.index[-1] for bars in histories.values()).to_pydatetime()
    report = TickReport(open_time)
    await bot.executor.look(working)
    state = (await bot.executor.standing()).bot.state
    if bot.unfit and state in (BotState.RUNNING, BotState.EXIT_ONLY):
        raise BotError(bot.unfit)
    if not await _take(bot, histories, open_time):
        report.was_done = True
        return report
    reach("after claim")
    await collect_all_funding(bot.executor)
    standing = await bot.executor.standing()
    closes = {s: _exact(bars["close"].iloc[-1]) for s, bars in histories.items()}
    report.equity = standing.equity(closes)
    decision = _ask(bot, histories, standing, standing.untold)
    ended = standing.untold if decision.is_heard else ()
    n_new = len(decision.new)
    decision.new.extend(await weigh(bot.executor, standing, decision.weights, number=n_new))
    close_time = open_time + timedelta(seconds=bot.timeframe.seconds)
    watched = partial(
        watch_equity,
        equity=report.equity,
        now=close_time,
        bar_seconds=bot.timeframe.seconds,
        before=await _equity_before(bot, standing.bot, close_time),
    )
    gate = await _gate(bot, standing, closes, decision, watched(standing.bot), close_time)
    refused = _check(decision, gate, bot.rules, closes, report.equity, is_late=is_late)
    if gate.closed():
        decision.cancels.extend(openings(standing))
    report.logs = decision.logs
    reach("before decision commit")
    split(decision, {symbol: rules.market for symbol, rules in bot.rules.items()}, standing)
    ids = await _write_down(bot, open_time, decision, refused, ended, watched, report)
    reach("after decision commit")
    bot.executor.note_new(ids)
    report.n_orders = len(ids)
    await bot.executor.settle()
    return report


async def _equity_before(bot: RunningBot, row: BotRow, close_time: datetime) -> Decimal | None:
    """A bot's equity at its last tick, where a new day begins with it."""
    last = row.last_bar
    if last is None or row.day == day_of(close_time, bot.timeframe.seconds):
        return None
    async with bot.database.reading() as session:
        return await equity_at(session, bot.bot_id, last)


async def _gate(
    bot: RunningBot,
    standing: Standing,
    closes: Mapping[str, Decimal],
    decision: Decision,
    watch: Watch,
    now: datetime,
) -> RiskGate:
    """The gate at a close; the last trades are asked for only where an order has a price."""
    priced = {
        order.symbol
        for order in decision.new
        if order.limit_price is not None or order.stop_price is not None
    }
    lasts = {symbol: await bot.executor.broker.last_price(symbol) for symbol in sorted(priced)}
    recent = await _recent(bot, now - timedelta(seconds=bot.timeframe.seconds))
    markets = {symbol: rules.market for symbol, rules in bot.rules.items()}
    return RiskGate(standing, markets, closes, recent, watch, now, lasts)


async def _take(bot: RunningBot, histories: Histories, open_time: datetime) -> bool:
    """Claim the bar and let time pass; False if it is done already."""
    standing = await bot.executor.standing()
    extremes = _extremes(standing, histories, open_time)
    expired = [
        order.client_order_id
        for orders in standing.orders.values()
        for order in orders
        if order.last_bar is not None and order.last_bar <= open_time and not order.cancel_wanted
    ]
    changes = bool(extremes or expired)
    write = bot.executor.write if changes else bot.executor.write_beside
    owner_id = standing.bot.owner_id

    async def take(session: AsyncSession) -> bool:
        if not await claim(session, bot.bot_id, owner_id, open_time, bot.fence):
            return False
        await trail(session, extremes)
        await want_cancelled(session, expired)
        return True

    is_new = await write(take)
    if is_new and expired:
        await bot.executor.settle()
    return is_new


def _extremes(standing: Standing, histories: Histories, open_time: datetime) -> dict[str, Decimal]:
    """What trailing stops hang on after this bar, by entry, where it is new (rule 10)."""
    found = {}
    for symbol, lots in standing.lots.items():
        for lot in lots:
            saw_all = lot.opened_at < open_time or lot.at_open
            if symbol not in histories or not lot.terms.get("trailing_stop") or not saw_all:
                continue
            extreme = _exact(histories[symbol]["high" if lot.direction > 0 else "low"].iloc[-1])
            known = lot.best_price or lot.entry_price
            best = max(known, extreme) if lot.direction > 0 else min(known, extreme)
            if best != lot.best_price:
                found[lot.entry] = best
    return found


async def _write_down(
    bot: RunningBot,
    open_time: datetime,
    decision: Decision,
    refused: set[int],
    ended: Sequence[OrderRow],
    watched: Callable[[BotRow], Watch],
    report: TickReport,
) -> list[str]:
    """Commit the decision; the ids of the orders that may be sent."""

    async def commit(session: AsyncSession) -> tuple[list[str], BotRow]:
        return await _commit(session, bot, open_time, decision, refused, ended, watched, report)

    if decision.cancels or ended or len(refused) < len(decision.new):
        return (await bot.executor.write(commit))[0]
    _, row = await bot.executor.write_beside(commit)
    bot.executor.know(row)
    return []


def _ask(
    bot: RunningBot, histories: Histories, standing: Standing, ended: Sequence[OrderRow]
) -> Decision:
    """What the strategy wants; a failure of its code stops nothing but this decision."""
    nothing = Decision(state=standing.bot.strategy_state, is_heard=False)
    if standing.bot.state in (BotState.PAUSED, BotState.STOPPED) or bot.strategy is None:
        return nothing
    try:
        if isinstance(bot.strategy, PortfolioStrategy):
            return decide_portfolio(
                bot.strategy, histories, standing, ended, bot.rules, bot.installation
            )
        ((symbol, bars),) = histories.items()
        rules = bot.rules[symbol]
        return decide(bot.strategy, bars, bot.timeframe, standing, ended, rules, bot.installation)
    except (RobotraderError, BotError) as error:
        nothing.logs.append(str(error))
        return nothing


def _check(
    decision: Decision,
    gate: RiskGate,
    rules: Mapping[str, Rules],
    closes: Mapping[str, Decimal],
    equity: Decimal,
    *,
    is_late: bool,
) -> set[int]:
    """The numbers of the orders that may not be sent, each with its reason in the logs."""
    refused = set()
    for number, order in enumerate(decision.new):
        reason = ""
        if not gate.is_exit(order):
            reason = "the bar is not the newest any more" if is_late else ""
            if not reason and order.symbol in rules:
                market, close = rules[order.symbol].market, closes[order.symbol]
                reason = too_large(order, market, close, equity, gate.closes(order))
        reason = reason or gate.refusal(order)
        if reason:
            refused.add(number)
            decision.logs.append(
                f"{order.symbol}: {order.side.label} {order.type.label} refused: {reason}"
            )
    return refused


async def _commit(
    session: AsyncSession,
    bot: RunningBot,
    open_time: datetime,
    decision: Decision,
    refused: set[int],
    ended: Sequence[OrderRow],
    watched: Callable[[BotRow], Watch],
    report: TickReport,
) -> tuple[list[str], BotRow]:
    """Write the tick down, all of it or nothing; the orders that may be sent, and the bot."""
    tick = await session.get_one(TickRow, (bot.bot_id, open_time))
    if tick.fence != bot.fence or tick.is_done:
        raise LeaseLostError(f"bar {open_time} of bot {bot.bot_id} was taken by another engine")
    row = await bot_to_change(session, bot.bot_id)
    watch = watched(row)  # its owner may have let it run again since it was read
    watch.note(row)
    if watch.reason and row.state is BotState.RUNNING:
        row.state, row.state_reason = BotState.EXIT_ONLY, watch.reason
        report.logs.append(f"exits only from now on: {watch.reason}")
    await want_cancelled(session, decision.cancels)
    for order in await orders_by_id(session, [order.client_order_id for order in ended]):
        order.is_told = True
    made: dict[int, OrderRow] = {}
    before: dict[int, list[str]] = {}  # the parts that go before an exit
    next_part = len(decision.new)
    for number, new in enumerate(decision.new):
        if number not in refused:
            known = [k for k in new.after if k in made]
            after = [one for k in known for one in (*before[k], made[k].client_order_id)]
            after += new.after_ids
            parts = decision.parts.get(number, [])
            before[number] = await write_parts(
                session, row, new, parts, bar=open_time, sequence=next_part, after=after
            )
            next_part += len(parts)
            after = before[number][-1:] or after
            made[number] = await _write_order(session, bot, row, open_time, number, new, after)
    row.strategy_state, row.last_bar = decision.state, open_time
    tick.is_done, tick.logs, tick.equity = True, report.logs, report.equity
    return [o.client_order_id for o in made.values() if o.status is Status.PENDING], row


async def _write_order(
    session: AsyncSession,
    bot: RunningBot,
    row: BotRow,
    open_time: datetime,
    number: int,
    new: NewOrder,
    after: list[str],
) -> OrderRow:
    waits = bool(after) or new.watch_price is not None or bool(new.sizing)
    last_bar = None
    if new.valid_bars:
        last_bar = open_time + timedelta(seconds=new.valid_bars * bot.timeframe.seconds)
    return await add_order(
        session,
        row,
        bar=open_time,
        sequence=number,
        purpose=new.purpose,
        status=Status.WAITING if waits else Status.PENDING,
        symbol=new.symbol,
        side=new.side,
        type=new.type,
        quantity=new.quantity,
        sizing=new.sizing,
        limit_price=new.limit_price,
        stop_price=new.stop_price,
        watch_price=new.watch_price,
        reduce_only=new.reduce_only,
        terms=new.terms,
        last_bar=last_bar,
        after=after,
        created_at=datetime.now(UTC),
    )


async def _recent(bot: RunningBot, open_time: datetime) -> int:
    """How many orders that open something were decided in the last minute of the market."""
    if bot.timeframe.seconds >= 60:
        return 0
    async with bot.database.reading() as session:
        return await openings_since(session, bot.bot_id, open_time - timedelta(minutes=1))


def _exact(price: Any) -> Decimal:
    return Decimal(repr(float(price)))
