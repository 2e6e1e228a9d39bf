"""`robotrader version`: what is installed, for a bug report."""

from __future__ import annotations

import platform
from importlib.metadata import PackageNotFoundError, version

import typer

import robotrader_sdk

_TOLD = ("pandas", "numpy", "numba", "ccxt")


def run() -> None:
    """Show the versions of RoboTrader, Python and what results depend on."""
    parts = [f"Python {platform.python_version()}", *map(_told, _TOLD)]
    typer.echo(f"robotrader {robotrader_sdk.__version__} ({', '.join(parts)})")


def show_and_exit(wanted: bool) -> None:
    """The option --version."""
    if wanted:
        typer.echo(f"robotrader {robotrader_sdk.__version__}")
        raise typer.Exit


def _told(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return f"{package} missing"
