"""Indexes that lead past a long history to the few rows that are asked for at each bar."""

from __future__ import annotations

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_WIDENED = (
    ("orders", "ix_orders_bot_open", ["bot_id", "is_open"], ["bar", "sequence"]),
    ("orders", "ix_orders_bot_told", ["bot_id", "is_told"], ["is_open"]),
    ("lots", "ix_lots_bot_open", ["bot_id", "is_open"], ["number"]),
)
_NEW = (
    ("orders", "ix_orders_account_open", ["account", "is_open"]),
    ("orders", "ix_orders_exchange_id", ["account", "exchange_order_id"]),
    ("orders", "ix_orders_lot", ["lot", "bar"]),
    ("fills", "ix_fills_newest", ["account", "symbol", "time"]),
    ("ledger", "ix_ledger_newest", ["bot_id", "kind", "time"]),
)


def upgrade() -> None:
    """Go on to this revision."""
    for table, name, columns, more in _WIDENED:
        op.drop_index(name, table_name=table)
        op.create_index(name, table, [*columns, *more])
    op.drop_index("ix_ledger_bot_id", table_name="ledger")
    for table, name, columns in _NEW:
        op.create_index(name, table, columns)


def downgrade() -> None:
    """Go back from it."""
    for table, name, _ in reversed(_NEW):
        op.drop_index(name, table_name=table)
    op.create_index("ix_ledger_bot_id", "ledger", ["bot_id"])
    for table, name, columns, _ in _WIDENED:
        op.drop_index(name, table_name=table)
        op.create_index(name, table, columns)
