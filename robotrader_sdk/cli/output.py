"""Files a command writes: seen to be writable before the work, and whole or not there."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from robotrader_sdk.cli.errors import CommandError

if TYPE_CHECKING:
    import pandas as pd

_BARS_ENDINGS = (".csv", ".csv.gz", ".parquet", ".feather")


def check_writable(path: Path) -> None:
    """CommandError unless a file can be written there."""
    folder = path.expanduser().absolute().parent
    if path.is_dir():
        raise CommandError(f"{path} is a folder; expected the name of a file to write")
    if not folder.is_dir():
        raise CommandError(f"{path} can't be written: there is no folder {folder}; make it first")
    if not os.access(folder, os.W_OK) or (path.exists() and not os.access(path, os.W_OK)):
        raise CommandError(f"{path} can't be written: {folder} is not yours to write to")


def check_bars_file(path: Path) -> None:
    """CommandError unless bars can be written there, in a format rt.read_bars reads."""
    if not path.name.endswith(_BARS_ENDINGS):
        raise CommandError(
            f"{path} has no known ending; expected one of {', '.join(_BARS_ENDINGS)}"
        )
    check_writable(path)


def write_bars(bars: pd.DataFrame, path: Path) -> None:
    """Write bars so that rt.read_bars reads them back bit for bit; never half a file.

    CommandError if the disk refuses.
    """
    path = path.expanduser().absolute()
    try:
        with tempfile.TemporaryDirectory(dir=path.parent, prefix=".robotrader-") as folder:
            part = Path(folder) / path.name
            _write(bars, part)
            part.replace(path)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror or error}") from None


def _write(bars: pd.DataFrame, path: Path) -> None:
    if path.suffix == ".parquet":
        bars.to_parquet(path)
    elif path.suffix == ".feather":
        bars.reset_index().to_feather(path)
    else:
        bars.to_csv(path)
