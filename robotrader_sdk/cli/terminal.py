"""What goes to the terminal: results to stdout, everything else to stderr."""

from __future__ import annotations

import io
import os
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.text import Text


def stdout() -> Console:
    """Where results are printed."""
    return Console(highlight=False)


def stderr() -> Console:
    """Where notes and errors are printed."""
    return Console(stderr=True, highlight=False)


def error(message: str) -> None:
    """One line that says what was wrong."""
    _line("Error", "bold red", message)


def note(message: str) -> None:
    """One line the user should know, but that stops nothing."""
    _line("Note", "bold yellow", message)


def show_path(label: str, path: str) -> None:
    """A file that was written, on a line of its own that is never wrapped."""
    stdout().print(Text.assemble((f"{label:<10}", "dim"), (path, "bold")), soft_wrap=True)


def one_line(text: str) -> str:
    """`text` without its line breaks."""
    return " ".join(text.split())


@contextmanager
def warnings_as_notes() -> Iterator[None]:
    """Within it a Python warning is a note, not a line of source code."""
    with warnings.catch_warnings():
        warnings.filterwarnings("default", category=UserWarning)
        warnings.showwarning = _show_warning  # type: ignore[assignment]  # it ignores the place
        yield


def replace_unprintable() -> None:
    """Print ? for what the terminal's encoding lacks, instead of failing."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")


def silence_stdout() -> None:
    """Let the interpreter's last flush succeed after the reader of stdout went away.

    See https://docs.python.org/3/library/signal.html#note-on-sigpipe
    """
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _line(word: str, style: str, message: str) -> None:
    text = Text.assemble((f"{word}: ", style), one_line(message))
    stderr().print(text, soft_wrap=True)


def _show_warning(message: Warning | str, *_place: object) -> None:
    note(str(message))
