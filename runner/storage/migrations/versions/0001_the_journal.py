"""The journal."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go on to this revision."""
    op.create_table(
        "bots",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("name", sa.String(length=120), nullable=False),
        sa.Column("strategy", sa.String(length=120), nullable=False),
        sa.Column(
            "params", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("symbols", sa.JSON(), nullable=False),
        sa.Column("timeframe", sa.String(length=8), nullable=False),
        sa.Column("exchange", sa.String(length=32), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("mode", sa.String(length=8), nullable=False),
        sa.Column("quote", sa.String(length=16), nullable=False),
        sa.Column("capital", sa.String(60), nullable=False),
        sa.Column("leverage", sa.String(60), nullable=False),
        sa.Column("margin_mode", sa.String(length=8), nullable=False),
        sa.Column("risk", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False),
        sa.Column("anchor", sa.DateTime(timezone=True), nullable=False),
        sa.Column("started", sa.DateTime(timezone=True), nullable=False),
        sa.Column("state", sa.String(24), nullable=False),
        sa.Column("state_reason", sa.Text(), nullable=False),
        sa.Column("flatten", sa.Boolean(), nullable=False),
        sa.Column("last_bar", sa.DateTime(timezone=True), nullable=True),
        sa.Column("peak_equity", sa.String(60), nullable=False),
        sa.Column("day_equity", sa.String(60), nullable=False),
        sa.Column("day", sa.DateTime(timezone=True), nullable=True),
        sa.Column("losses", sa.Integer(), nullable=False),
        sa.Column("rests_until", sa.DateTime(timezone=True), nullable=True),
        sa.Column("strategy_state", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bots")),
    )
    with op.batch_alter_table("bots", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_bots_account"), ["account"], unique=False)
        batch_op.create_index(batch_op.f("ix_bots_owner_id"), ["owner_id"], unique=False)

    op.create_table(
        "holdings",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("asset", sa.String(length=16), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("amount", sa.String(60), nullable=False),
        sa.PrimaryKeyConstraint("account", "bot_id", "asset", name=op.f("pk_holdings")),
    )
    op.create_table(
        "installation",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("code", sa.String(length=2), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_installation")),
    )
    op.create_table(
        "ledger",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("asset", sa.String(length=16), nullable=False),
        sa.Column("kind", sa.String(24), nullable=False),
        sa.Column("amount", sa.String(60), nullable=False),
        sa.Column("reference", sa.String(length=160), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_ledger")),
        sa.UniqueConstraint(
            "account",
            "kind",
            "asset",
            "reference",
            name=op.f("uq_ledger_account_kind_asset_reference"),
        ),
    )
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_ledger_bot_id"), ["bot_id"], unique=False)

    op.create_table(
        "reports",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.Column("findings", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_reports")),
    )
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_reports_account"), ["account"], unique=False)

    op.create_table(
        "switches",
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("name", sa.String(length=64), nullable=False),
        sa.Column("flatten", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("set_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("scope", "name", name=op.f("pk_switches")),
    )
    op.create_table(
        "orders",
        sa.Column("client_order_id", sa.String(length=18), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("symbol", sa.String(length=40), nullable=False),
        sa.Column("bar", sa.DateTime(timezone=True), nullable=False),
        sa.Column("sequence", sa.Integer(), nullable=False),
        sa.Column("purpose", sa.String(24), nullable=False),
        sa.Column("attempt", sa.Integer(), nullable=False),
        sa.Column("side", sa.String(24), nullable=False),
        sa.Column("type", sa.String(24), nullable=False),
        sa.Column("quantity", sa.String(60), nullable=True),
        sa.Column("cost", sa.String(60), nullable=True),
        sa.Column(
            "sizing", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("limit_price", sa.String(60), nullable=True),
        sa.Column("stop_price", sa.String(60), nullable=True),
        sa.Column("watch_price", sa.String(60), nullable=True),
        sa.Column("reduce_only", sa.Boolean(), nullable=False),
        sa.Column(
            "terms", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("lot", sa.String(length=18), nullable=True),
        sa.Column("list_id", sa.String(length=18), nullable=True),
        sa.Column("after", sa.JSON(), nullable=False),
        sa.Column("last_bar", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(24), nullable=False),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("cancel_wanted", sa.Boolean(), nullable=False),
        sa.Column("n_sent", sa.Integer(), nullable=False),
        sa.Column("exchange_order_id", sa.String(length=64), nullable=False),
        sa.Column("filled", sa.String(60), nullable=False),
        sa.Column("filled_value", sa.String(60), nullable=False),
        sa.Column("reported", sa.String(60), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_told", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_orders_bot_id_bots")),
        sa.PrimaryKeyConstraint("client_order_id", name=op.f("pk_orders")),
        sa.UniqueConstraint(
            "bot_id",
            "bar",
            "sequence",
            "attempt",
            name=op.f("uq_orders_bot_id_bar_sequence_attempt"),
        ),
    )
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.create_index("ix_orders_bot_open", ["bot_id", "is_open"], unique=False)
        batch_op.create_index("ix_orders_bot_told", ["bot_id", "is_told"], unique=False)

    op.create_table(
        "positions",
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(length=40), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("quantity", sa.String(60), nullable=False),
        sa.Column("entry_value", sa.String(60), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_positions_bot_id_bots")),
        sa.PrimaryKeyConstraint("bot_id", "symbol", name=op.f("pk_positions")),
    )
    op.create_table(
        "ticks",
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("bar", sa.DateTime(timezone=True), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("fence", sa.Integer(), nullable=False),
        sa.Column("is_done", sa.Boolean(), nullable=False),
        sa.Column("equity", sa.String(60), nullable=True),
        sa.Column("logs", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_ticks_bot_id_bots")),
        sa.PrimaryKeyConstraint("bot_id", "bar", name=op.f("pk_ticks")),
    )
    op.create_table(
        "fills",
        sa.Column("account", sa.String(length=64), nullable=False),
        sa.Column("symbol", sa.String(length=40), nullable=False),
        sa.Column("trade_id", sa.String(length=64), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("client_order_id", sa.String(length=18), nullable=False),
        sa.Column("side", sa.String(24), nullable=False),
        sa.Column("quantity", sa.String(60), nullable=False),
        sa.Column("price", sa.String(60), nullable=False),
        sa.Column("fee", sa.String(60), nullable=False),
        sa.Column("fee_asset", sa.String(length=16), nullable=False),
        sa.Column("liquidity", sa.String(24), nullable=False),
        sa.Column("time", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_fills_bot_id_bots")),
        sa.ForeignKeyConstraint(
            ["client_order_id"],
            ["orders.client_order_id"],
            name=op.f("fk_fills_client_order_id_orders"),
        ),
        sa.PrimaryKeyConstraint("account", "symbol", "trade_id", name=op.f("pk_fills")),
    )
    with op.batch_alter_table("fills", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_fills_bot_id"), ["bot_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_fills_client_order_id"), ["client_order_id"], unique=False
        )

    op.create_table(
        "lots",
        sa.Column("entry", sa.String(length=18), nullable=False),
        sa.Column("owner_id", sa.String(length=64), nullable=False),
        sa.Column("bot_id", sa.Integer(), nullable=False),
        sa.Column("symbol", sa.String(length=40), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("direction", sa.Integer(), nullable=False),
        sa.Column("quantity", sa.String(60), nullable=False),
        sa.Column("opened", sa.String(60), nullable=False),
        sa.Column("traded", sa.String(60), nullable=False),
        sa.Column("entry_value", sa.String(60), nullable=False),
        sa.Column("entry_fee", sa.String(60), nullable=False),
        sa.Column("exit_quantity", sa.String(60), nullable=False),
        sa.Column("exit_value", sa.String(60), nullable=False),
        sa.Column("exit_fee", sa.String(60), nullable=False),
        sa.Column("exit_purpose", sa.String(24), nullable=True),
        sa.Column(
            "terms", sa.JSON().with_variant(postgresql.JSONB(), "postgresql"), nullable=False
        ),
        sa.Column("best_price", sa.String(60), nullable=True),
        sa.Column("at_open", sa.Boolean(), nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("is_open", sa.Boolean(), nullable=False),
        sa.Column("is_dust", sa.Boolean(), nullable=False),
        sa.Column("at_market", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_lots_bot_id_bots")),
        sa.ForeignKeyConstraint(
            ["entry"], ["orders.client_order_id"], name=op.f("fk_lots_entry_orders")
        ),
        sa.PrimaryKeyConstraint("entry", name=op.f("pk_lots")),
    )
    with op.batch_alter_table("lots", schema=None) as batch_op:
        batch_op.create_index("ix_lots_bot_open", ["bot_id", "is_open"], unique=False)


def downgrade() -> None:
    """Go back from it."""
    with op.batch_alter_table("lots", schema=None) as batch_op:
        batch_op.drop_index("ix_lots_bot_open")

    op.drop_table("lots")
    with op.batch_alter_table("fills", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_fills_client_order_id"))
        batch_op.drop_index(batch_op.f("ix_fills_bot_id"))

    op.drop_table("fills")
    op.drop_table("ticks")
    op.drop_table("positions")
    with op.batch_alter_table("orders", schema=None) as batch_op:
        batch_op.drop_index("ix_orders_bot_told")
        batch_op.drop_index("ix_orders_bot_open")

    op.drop_table("orders")
    op.drop_table("switches")
    with op.batch_alter_table("reports", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_reports_account"))

    op.drop_table("reports")
    with op.batch_alter_table("ledger", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_ledger_bot_id"))

    op.drop_table("ledger")
    op.drop_table("installation")
    op.drop_table("holdings")
    with op.batch_alter_table("bots", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_bots_owner_id"))
        batch_op.drop_index(batch_op.f("ix_bots_account"))

    op.drop_table("bots")
