"""The command `robotrader`: its commands, and how their failures end.

Exit codes: 0 done; 2 a mistake of the user's, told in one line on stderr; 130 interrupted;
1 the reader of the output went away. Anything else is a bug and shows its traceback.

Nothing heavier than typer and rich is imported before a command needs it.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated

import typer

from robotrader_sdk.cli import backtest, demo, download, strategies, terminal, version
from robotrader_sdk.cli.plugins import CommandGroup
from robotrader_sdk.errors import RobotraderError

NAME = "robotrader"
MISTAKE, INTERRUPTED, READER_GONE = 2, 130, 1

app = typer.Typer(
    name=NAME,
    cls=CommandGroup,
    rich_markup_mode="rich",
    help="Backtest a trading strategy on bars, download bars, look strategies up.",
    epilog="First steps: robotrader demo",
)
app.command("backtest")(backtest.run)
app.command("download")(download.run)
app.command("strategies")(strategies.run)
app.command("demo")(demo.run)
app.command("version")(version.run)


@app.callback(invoke_without_command=True)
def _start(
    context: typer.Context,
    _version: Annotated[
        bool,
        typer.Option(
            "--version", callback=version.show_and_exit, is_eager=True, help="Show the version."
        ),
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def main(args: Sequence[str] | None = None) -> int:
    """Run the command line and return its exit code; `args` is sys.argv[1:] by default."""
    terminal.replace_unprintable()
    command = typer.main.get_command(app)
    try:
        with terminal.warnings_as_notes():
            code = command.main(
                args=None if args is None else list(args), prog_name=NAME, standalone_mode=False
            )
        sys.stdout.flush()
    except RobotraderError as error:
        terminal.error(str(error))
        return MISTAKE
    except typer.TyperException as error:
        _show_usage_error(error)
        return MISTAKE
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:
        terminal.silence_stdout()
        return READER_GONE
    if code == INTERRUPTED:
        terminal.note("interrupted")
    return code if isinstance(code, int) else 0


def _show_usage_error(error: typer.TyperException) -> None:
    message = error.format_message()
    context = getattr(error, "ctx", None)
    if not message:  # a group called without a command has shown its help instead
        return
    where = f" (see: {context.command_path} --help)" if context is not None else ""
    terminal.error(message.rstrip(".") + where)
