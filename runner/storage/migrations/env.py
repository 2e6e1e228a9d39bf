"""Alembic's way in: it runs on the connection that `runner.storage.upgrade` hands over."""

from __future__ import annotations

from typing import Any, Literal

from alembic import context

from runner.execution.journal import paper, tables  # noqa: F401 - their tables are to be known
from runner.storage.schema import Row
from runner.storage.types import ExactDecimal, Labelled, UtcTime


def _render(kind: str, item: Any, autogen: object) -> str | Literal[False]:  # noqa: ARG001
    """Migrations name plain column types: ours are texts and times to the database."""
    if kind != "type":
        return False
    if isinstance(item, ExactDecimal | Labelled):
        return f"sa.String({item.impl.length})"
    return "sa.DateTime(timezone=True)" if isinstance(item, UtcTime) else False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Row.metadata,
    render_as_batch=True,
    render_item=_render,
    compare_type=True,
)
with context.begin_transaction():
    context.run_migrations()
