"""An index that leads to what of a bot and a symbol has ended lately."""

from __future__ import annotations

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Go on to this revision."""
    op.create_index("ix_orders_ended", "orders", ["bot_id", "symbol", "ended_at"])


def downgrade() -> None:
    """Go back from it."""
    op.drop_index("ix_orders_ended", table_name="orders")
