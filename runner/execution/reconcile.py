"""Reconciliation: the exchange's truth against the journal.

At the start, on a timer and after every unknown. Everything of ours that is not final is looked
up; executions since the last look are entered; balances are compared to the sum of the ledger,
positions to the journal's. What differs and is not ours is entered as external. Orders that look
like ours and are not in the journal are reported and left alone; one that the journal has given up
and that has come all the same is cancelled, and what it has filled is entered.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from decimal import Decimal

from sqlalchemy.ext.asyncio import AsyncSession

from runner.execution.broker import Broker
from runner.execution.catching import Catching
from runner.execution.journal.accounts import add_report, is_moving, is_opened, positions_of
from runner.execution.journal.bots import bot_to_change
from runner.execution.journal.ledger import Party, enter, expected_balances
from runner.execution.journal.tables import BotState, EntryKind
from runner.execution.points import reach
from runner.execution.reconciliation import Reconciliation
from runner.execution.rules import Rules
from runner.execution.tick import RunningBot
from runner.storage.database import Database

Pair = tuple[Decimal, Decimal]

ZERO = Decimal(0)


@dataclass(slots=True)
class Reconciler:
    """One account at one exchange, and the bots that trade with it.

    A gap in the money is entered when two runs in a row have found the same: an execution that is
    told late is no gap.
    """

    database: Database
    broker: Broker
    owner_id: str
    account: str
    bots: Sequence[RunningBot]
    _gaps: dict[str, Decimal] = field(default_factory=dict)
    _kept: set[str] = field(default_factory=set)
    """Orders whose cancellation was refused, and told of."""

    async def run(self) -> Reconciliation:
        """Compare, enter, report, also where an exchange's failure ends it half-way."""
        found = Reconciliation()
        try:
            await self._compare(found)
        finally:
            if found.findings:
                at = datetime.now(UTC)
                await self.database.write(
                    lambda s: add_report(s, self.owner_id, self.account, at, found.findings)
                )
        reach("after reconcile")
        return found

    async def _compare(self, found: Reconciliation) -> None:
        catching = Catching(self.database, self.broker, self.account, self.bots, found, self._kept)
        for symbol, rules in self._rules().items():
            with found.apart([bot for bot in self.bots if symbol in bot.rules]):
                await catching.catch_up(symbol, rules)
            reach("inside reconcile")
        before = await self._balances()
        await self._look(found)
        if not found.failed:  # whose executions may be missing, and are no gap
            await self._money(before, found)
        await self._positions(found)

    async def _look(self, found: Reconciliation) -> None:
        """See what has become of the bots' own orders, and settle them."""
        for bot in self.bots:
            with found.apart([bot]):
                await bot.executor.look()

    def _rules(self) -> dict[str, Rules]:
        return {symbol: rules for bot in self.bots for symbol, rules in bot.rules.items()}

    async def _balances(self) -> dict[str, Decimal]:
        return {asset: b.total for asset, b in (await self.broker.balances()).items()}

    async def _money(self, before: dict[str, Decimal], found: Reconciliation) -> None:
        """Balances against the ledger's sums, while nothing has moved in between."""
        after = await self._balances()
        async with self.database.reading() as session:
            expected = await expected_balances(session, self.account)
            opened = await is_opened(session, self.account)
            moving = await is_moving(session, self.account)
        if before != after or moving:
            return
        found.consistent = True
        gaps = {
            asset: gap
            for asset in sorted({*after, *expected})
            if (gap := after.get(asset, ZERO) - expected.get(asset, ZERO))
        }
        kind = EntryKind.EXTERNAL if opened else EntryKind.OPENING
        sure = _in_both(gaps, self._gaps) if opened else gaps
        self._gaps = {asset: gap for asset, gap in gaps.items() if asset not in sure}
        if sure:
            now = await self.broker.server_time()
            await self.database.write(lambda s: self._enter_gaps(s, kind, sure, now, found))

    async def _enter_gaps(
        self,
        session: AsyncSession,
        kind: EntryKind,
        gaps: dict[str, Decimal],
        now: datetime,
        found: Reconciliation,
    ) -> None:
        party = Party(self.owner_id, self.account)
        for asset, gap in sorted(gaps.items()):
            reference = f"{kind.value} {now.isoformat()}"
            await enter(session, party, kind, asset, gap, reference, now)
            if kind is EntryKind.EXTERNAL:
                found.findings.append(f"{asset} differs by {gap:f}, which is not ours")

    async def _positions(self, found: Reconciliation) -> None:
        """A perpetual's position that is not what the journal says lets its bot only exit.

        It has to be so after another look, too: a stop may have been triggered in between.
        """
        first = await self._strayed(found)
        if not first:
            return
        await self._look(found)
        again = await self._strayed(found)
        for bot in self.bots:
            for symbol in bot.rules:
                key = (bot.bot_id, symbol)
                if key in again and first.get(key) == again[key]:
                    await self._let_exit(bot, symbol, again[key], found)

    async def _strayed(self, found: Reconciliation) -> dict[tuple[int, str], Pair]:
        """By bot and symbol, the positions that differ: the exchange's, and the journal's.

        None while executions are known of that are not entered yet.
        """
        strayed: dict[tuple[int, str], Pair] = {}
        for bot in self.bots:
            symbols = [s for s, rules in bot.rules.items() if rules.market.is_perpetual]
            if not symbols:
                continue
            with found.apart([bot]):
                held = {p.symbol: p.quantity for p in await self.broker.positions(symbols)}
                async with self.database.reading() as session:
                    own = await positions_of(session, bot.bot_id)
                    moving = await is_moving(session, self.account)
                for symbol in symbols:
                    pair = (held.get(symbol, ZERO), own.get(symbol, ZERO))
                    if pair[0] != pair[1] and not moving:
                        strayed[bot.bot_id, symbol] = pair
        return strayed

    async def _let_exit(
        self, bot: RunningBot, symbol: str, pair: Pair, found: Reconciliation
    ) -> None:
        there, here = pair
        reason = f"{symbol}: the exchange has a position of {there:f}, the journal of {here:f}"
        found.findings.append(reason)

        async def let_exit(session: AsyncSession) -> None:
            row = await bot_to_change(session, bot.bot_id)
            if row.state is BotState.RUNNING:
                row.state, row.state_reason = BotState.EXIT_ONLY, reason

        await bot.executor.write(let_exit)


def _in_both(gaps: dict[str, Decimal], others: dict[str, Decimal]) -> dict[str, Decimal]:
    return {asset: gap for asset, gap in gaps.items() if others.get(asset) == gap}
