"""The journal's tables.

Bots decide at bars (`ticks`), which leads to orders; orders have fills; fills make lots, positions
and ledger entries. Entries add up to `holdings`, and those, over all bots and `NOBODY`, to what the
exchange says the account has.

Rows stay for good, so that whatever is asked at each bar has an index that leads to the few rows
it is about, in the order it asks for.
"""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from enum import Enum
from typing import Any

from sqlalchemy import JSON, ForeignKey, Index, LargeBinary, String, Text, UniqueConstraint
from sqlalchemy.orm import Mapped, mapped_column

from robotrader_sdk.types import Liquidity, OrderType, Side
from runner.execution.identity import Purpose
from runner.execution.status import Status
from runner.storage.schema import Row
from runner.storage.types import Labelled

NOBODY = 0
"""In place of a bot: what of an account is no bot's."""

ClientId = String(18)


class BotState(Enum):
    """What a bot may do."""

    RUNNING = "running"
    EXIT_ONLY = "exit_only"  # close, protect, cancel; open nothing
    PAUSED = "paused"  # decide nothing; protection stays and is looked after
    STOPPED = "stopped"  # for good


class EntryKind(Enum):
    """Why an amount of the ledger has changed."""

    OPENING = "opening"  # what an account had when it was first seen
    TRADE = "trade"
    FEE = "fee"
    REALIZED = "realized"  # pnl of a perpetual
    FUNDING = "funding"
    EXTERNAL = "external"  # not ours: a deposit, a stranger's trade


class InstallationRow(Row):
    """This database: its code in client order ids, and the number of its last engine."""

    __tablename__ = "installation"

    id: Mapped[int] = mapped_column(primary_key=True)
    code: Mapped[str] = mapped_column(String(2))
    fence: Mapped[int]


class BotRow(Row):
    """A bot: what it trades, where, with how much, and where it stands.

    anchor: the open_time its history begins at. started: decisions begin with the bar that closes
    after it. risk: its limits. last_bar: the newest bar it has decided at. strategy_state: a pickle
    of the strategy's own attributes. peak_equity: 0 until the next tick, where it starts afresh.
    """

    __tablename__ = "bots"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    owner_id: Mapped[str] = mapped_column(String(64), index=True)
    name: Mapped[str] = mapped_column(String(120))
    strategy: Mapped[str] = mapped_column(String(120))
    params: Mapped[dict[str, Any]]
    symbols: Mapped[list[str]] = mapped_column(JSON)
    timeframe: Mapped[str] = mapped_column(String(8))
    exchange: Mapped[str] = mapped_column(String(32))
    account: Mapped[str] = mapped_column(String(64), index=True)
    mode: Mapped[str] = mapped_column(String(8))
    quote: Mapped[str] = mapped_column(String(16))
    capital: Mapped[Decimal]
    leverage: Mapped[Decimal]
    margin_mode: Mapped[str] = mapped_column(String(8))
    risk: Mapped[dict[str, Any]]
    anchor: Mapped[datetime]
    started: Mapped[datetime]
    state: Mapped[BotState] = mapped_column(Labelled(BotState))
    state_reason: Mapped[str] = mapped_column(Text, default="")
    flatten: Mapped[bool] = mapped_column(default=False)
    last_bar: Mapped[datetime | None]
    peak_equity: Mapped[Decimal]
    day_equity: Mapped[Decimal]
    day: Mapped[datetime | None]
    losses: Mapped[int] = mapped_column(default=0)
    rests_until: Mapped[datetime | None]
    strategy_state: Mapped[bytes | None] = mapped_column(LargeBinary)


class TickRow(Row):
    """A bot's decision at a bar: claimed under an engine's number, then done, once."""

    __tablename__ = "ticks"

    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    bar: Mapped[datetime] = mapped_column(primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    fence: Mapped[int]
    is_done: Mapped[bool] = mapped_column(default=False)
    equity: Mapped[Decimal | None]
    logs: Mapped[list[str]] = mapped_column(JSON, default=list)


class OrderRow(Row):
    """An order, from the intent to its end.

    bar, sequence, purpose, attempt: what its client order id was made of. sizing: how its quantity
    is found where it isn't fixed yet. terms: the protection it brings. lot: the entry whose lot it
    protects. after: the orders whose end it waits for. replaces: the order that ends with the
    request that sends it. amended_quantity, amended_stop_price: what it is to become, until the
    exchange has said that it is; its purpose is then the newest. watch_price: it is sent when the
    market gets there. last_bar: the last bar in which it may fill. filled, filled_value: the sums
    of its fills here; reported: what the exchange says. is_told: whether its strategy knows its
    end.
    """

    __tablename__ = "orders"
    __table_args__ = (
        UniqueConstraint("bot_id", "bar", "sequence", "attempt"),
        Index("ix_orders_bot_open", "bot_id", "is_open", "bar", "sequence"),
        Index("ix_orders_bot_told", "bot_id", "is_told", "is_open"),
        Index("ix_orders_ended", "bot_id", "symbol", "ended_at"),
        Index("ix_orders_account_open", "account", "is_open"),
        Index("ix_orders_exchange_id", "account", "exchange_order_id"),
        Index("ix_orders_lot", "lot", "bar"),
    )

    client_order_id: Mapped[str] = mapped_column(ClientId, primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
    account: Mapped[str] = mapped_column(String(64))
    symbol: Mapped[str] = mapped_column(String(40))
    bar: Mapped[datetime]
    sequence: Mapped[int]
    purpose: Mapped[Purpose] = mapped_column(Labelled(Purpose))
    attempt: Mapped[int] = mapped_column(default=0)
    side: Mapped[Side] = mapped_column(Labelled(Side))
    type: Mapped[OrderType] = mapped_column(Labelled(OrderType))
    quantity: Mapped[Decimal | None]
    cost: Mapped[Decimal | None]
    sizing: Mapped[dict[str, Any]] = mapped_column(default=dict)
    limit_price: Mapped[Decimal | None]
    stop_price: Mapped[Decimal | None]
    watch_price: Mapped[Decimal | None]
    reduce_only: Mapped[bool] = mapped_column(default=False)
    terms: Mapped[dict[str, Any]] = mapped_column(default=dict)
    lot: Mapped[str | None] = mapped_column(ClientId)
    list_id: Mapped[str | None] = mapped_column(ClientId)
    after: Mapped[list[str]] = mapped_column(JSON, default=list)
    replaces: Mapped[str | None] = mapped_column(ClientId)
    amended_quantity: Mapped[Decimal | None]
    amended_stop_price: Mapped[Decimal | None]
    last_bar: Mapped[datetime | None]
    status: Mapped[Status] = mapped_column(Labelled(Status))
    is_open: Mapped[bool] = mapped_column(default=True)
    reason: Mapped[str] = mapped_column(Text, default="")
    cancel_wanted: Mapped[bool] = mapped_column(default=False)
    n_sent: Mapped[int] = mapped_column(default=0)
    exchange_order_id: Mapped[str] = mapped_column(String(64), default="")
    filled: Mapped[Decimal] = mapped_column(default=Decimal(0))
    filled_value: Mapped[Decimal] = mapped_column(default=Decimal(0))
    reported: Mapped[Decimal] = mapped_column(default=Decimal(0))
    created_at: Mapped[datetime]
    ended_at: Mapped[datetime | None]
    is_told: Mapped[bool] = mapped_column(default=False)


class FillRow(Row):
    """An execution of an own order, once, by the exchange's trade id."""

    __tablename__ = "fills"
    __table_args__ = (Index("ix_fills_newest", "account", "symbol", "time"),)

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    symbol: Mapped[str] = mapped_column(String(40), primary_key=True)
    trade_id: Mapped[str] = mapped_column(String(64), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), index=True)
    client_order_id: Mapped[str] = mapped_column(ForeignKey("orders.client_order_id"), index=True)
    side: Mapped[Side] = mapped_column(Labelled(Side))
    quantity: Mapped[Decimal]
    price: Mapped[Decimal]
    fee: Mapped[Decimal]
    fee_asset: Mapped[str] = mapped_column(String(16))
    liquidity: Mapped[Liquidity] = mapped_column(Labelled(Liquidity))
    time: Mapped[datetime]


class LotRow(Row):
    """What an entry order has opened, and what of it is still held.

    quantity: held, base units. opened: all that was ever in it, after a fee in base. entry_value:
    of the fills that opened it, before fees. best_price: the extreme a trailing stop hangs on.
    is_dust: too small to be sold. at_market: it is closed at the market, its stop has failed.
    """

    __tablename__ = "lots"
    __table_args__ = (Index("ix_lots_bot_open", "bot_id", "is_open", "number"),)

    entry: Mapped[str] = mapped_column(ForeignKey("orders.client_order_id"), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
    symbol: Mapped[str] = mapped_column(String(40))
    number: Mapped[int]
    direction: Mapped[int]
    quantity: Mapped[Decimal]
    opened: Mapped[Decimal]
    traded: Mapped[Decimal]
    entry_value: Mapped[Decimal]
    entry_fee: Mapped[Decimal]
    exit_quantity: Mapped[Decimal]
    exit_value: Mapped[Decimal]
    exit_fee: Mapped[Decimal]
    exit_purpose: Mapped[Purpose | None] = mapped_column(Labelled(Purpose))
    terms: Mapped[dict[str, Any]]
    best_price: Mapped[Decimal | None]
    at_open: Mapped[bool]
    opened_at: Mapped[datetime]
    closed_at: Mapped[datetime | None]
    is_open: Mapped[bool] = mapped_column(default=True)
    is_dust: Mapped[bool] = mapped_column(default=False)
    at_market: Mapped[bool] = mapped_column(default=False)

    @property
    def entry_price(self) -> Decimal:
        """The mean price of the fills that opened it."""
        return self.entry_value / self.traded


class PositionRow(Row):
    """All that a bot holds of a symbol, signed, dust included; of a perpetual what it cost, too."""

    __tablename__ = "positions"

    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    symbol: Mapped[str] = mapped_column(String(40), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    quantity: Mapped[Decimal]
    entry_value: Mapped[Decimal]


class EntryRow(Row):
    """An entry of the ledger: an asset of an account has changed, once for each reference."""

    __tablename__ = "ledger"
    __table_args__ = (
        UniqueConstraint("account", "kind", "asset", "reference"),
        Index("ix_ledger_newest", "bot_id", "kind", "time"),
    )

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    account: Mapped[str] = mapped_column(String(64))
    bot_id: Mapped[int]
    asset: Mapped[str] = mapped_column(String(16))
    kind: Mapped[EntryKind] = mapped_column(Labelled(EntryKind))
    amount: Mapped[Decimal]
    reference: Mapped[str] = mapped_column(String(160))
    time: Mapped[datetime]


class HoldingRow(Row):
    """The sum of the entries of a bot, or of nobody, in an asset of an account."""

    __tablename__ = "holdings"

    account: Mapped[str] = mapped_column(String(64), primary_key=True)
    bot_id: Mapped[int] = mapped_column(primary_key=True)
    asset: Mapped[str] = mapped_column(String(16), primary_key=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    amount: Mapped[Decimal]


class SwitchRow(Row):
    """A kill switch that is on: for a bot, an owner, or all."""

    __tablename__ = "switches"

    scope: Mapped[str] = mapped_column(String(8), primary_key=True)
    name: Mapped[str] = mapped_column(String(64), primary_key=True)
    flatten: Mapped[bool]
    reason: Mapped[str] = mapped_column(Text)
    set_at: Mapped[datetime]

    def holds_for(self, bot: BotRow) -> bool:
        """Whether it is a bot's switch."""
        return (self.scope, self.name) in (
            ("bot", str(bot.id)),
            ("owner", bot.owner_id),
            ("all", ""),
        )


class ReportRow(Row):
    """What a reconciliation found and did, where that was anything."""

    __tablename__ = "reports"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=True)
    owner_id: Mapped[str] = mapped_column(String(64))
    account: Mapped[str] = mapped_column(String(64), index=True)
    time: Mapped[datetime]
    findings: Mapped[list[str]] = mapped_column(JSON)
