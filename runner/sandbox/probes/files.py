"""Attempts at files."""

from __future__ import annotations

from typing import Any

from runner.sandbox.probes.probe import Probe, Weaker


def read_a_password_file() -> Any:
    with open("/etc/passwd") as file:
        return file.read(10)


def read_the_top_folder() -> Any:
    import os

    return os.open("/", os.O_RDONLY | os.O_DIRECTORY) > 0


def write_a_file() -> Any:
    with open("/tmp/robotrader-probe", "w") as file:
        return file.write("x")


PROBES = [
    Probe(read_a_password_file),
    Probe(read_the_top_folder),
    Probe(write_a_file, Weaker.BARE),
]
