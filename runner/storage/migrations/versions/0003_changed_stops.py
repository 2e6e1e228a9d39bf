"""Stops that are replaced or amended in one request."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what an order replaces, and what it is to become."""
    with op.batch_alter_table("orders") as table:
        table.add_column(sa.Column("replaces", sa.String(length=18), nullable=True))
        table.add_column(sa.Column("amended_quantity", sa.String(60), nullable=True))
        table.add_column(sa.Column("amended_stop_price", sa.String(60), nullable=True))


def downgrade() -> None:
    """Take it away."""
    with op.batch_alter_table("orders") as table:
        for name in ("amended_stop_price", "amended_quantity", "replaces"):
            table.drop_column(name)
