"""Brings a database to the tables that this version knows, by Alembic's migrations."""

from __future__ import annotations

from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from sqlalchemy import Connection

from runner.storage.database import Database
from runner.storage.errors import DatabaseVersionError
from runner.storage.schema import Row

_MIGRATIONS = Path(__file__).parent / "migrations"


async def upgrade(database: Database) -> None:
    """Create or change the tables as needed; all of it or, on an error, nothing.

    DatabaseVersionError if a newer version has changed them already.
    """
    with database.translating():
        async with database.engine.execution_options(writes=True).begin() as connection:
            await connection.run_sync(_upgrade)


async def differences(database: Database) -> list[object]:
    """What the tables still lack of what the code expects: nothing, after `upgrade`."""
    with database.translating():
        async with database.engine.connect() as connection:
            return await connection.run_sync(_compare)


def config_for(connection: Connection) -> Config:
    """Alembic's configuration, without a file."""
    config = Config()
    config.set_main_option("script_location", str(_MIGRATIONS))
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    config = config_for(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    current = MigrationContext.configure(connection).get_current_revision()
    if current is not None and current not in known:
        raise DatabaseVersionError(
            f"the database is at revision {current!r}, which this version does not know; run the "
            "version that made it, or a newer one"
        )
    try:
        command.upgrade(config, "head")
    except CommandError as error:
        raise DatabaseVersionError(f"the database can't be brought up to date: {error}") from error


def _compare(connection: Connection) -> list[object]:
    context = MigrationContext.configure(connection, opts={"compare_type": True})
    return list(compare_metadata(context, Row.metadata))
