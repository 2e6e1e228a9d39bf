"""Commands of other packages, found through the entry-point group `robotrader.commands`.

Each entry is a typer.Typer, added under the entry's name. It is imported when its command is
run or listed, so that no other command waits for it, or fails with it.
"""

from __future__ import annotations

from importlib.metadata import EntryPoint, entry_points
from typing import Any

import typer
from typer.core import TyperGroup

from robotrader_sdk.cli import terminal
from robotrader_sdk.cli.errors import CommandError

GROUP = "robotrader.commands"


class CommandGroup(TyperGroup):
    """The commands of the SDK, and behind them those of the plug-ins."""

    def list_commands(self, ctx: Any) -> list[str]:
        """All names; a plug-in that can't be loaded is left out and told in one line."""
        names = super().list_commands(ctx)
        for name, entry in sorted(_plugins().items()):
            if name in self.commands:
                terminal.note(f"{_origin(entry)}: the command {name} exists already")
                continue
            try:
                load_command(entry)
            except CommandError as error:
                terminal.note(str(error))
            else:
                names.append(name)
        return names

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """A command by name, None if there is none; CommandError if its plug-in is broken."""
        own = super().get_command(ctx, cmd_name)
        if own is not None:
            return own
        entry = _plugins().get(cmd_name)
        return None if entry is None else load_command(entry)


def load_command(entry: EntryPoint) -> Any:
    """The command an entry point names; CommandError in one line if it can't be had."""
    try:
        loaded = entry.load()
    except Exception as error:
        raise CommandError(
            f"{_origin(entry)} can't be loaded: {type(error).__name__}: {error}"
        ) from error
    if not isinstance(loaded, typer.Typer):
        raise CommandError(f"{_origin(entry)} is a {type(loaded).__name__}; expected a typer.Typer")
    command = typer.main.get_command(loaded)
    command.name = entry.name
    return command


def _plugins() -> dict[str, EntryPoint]:
    return {entry.name: entry for entry in entry_points(group=GROUP)}


def _origin(entry: EntryPoint) -> str:
    package = entry.dist.name if entry.dist is not None else "an installed package"
    return f"the command {entry.name} of {package} ({entry.value})"
