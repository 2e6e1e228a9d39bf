"""A real PostgreSQL server of the tests' own, on a port of its own, gone when they are done."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

OWNER = "robotrader"


def programs() -> Path | None:
    """The folder of the server's programs; None if it isn't installed."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    on_path = shutil.which("initdb")
    if found:
        return found[-1].parent
    return Path(on_path).parent if on_path else None


@contextmanager
def serving(where: Path) -> Iterator[str]:
    """Start a server; the URL of its first database."""
    folder = Path(mkdtemp(prefix="rt-pg-"))
    as_user: dict[str, Any] = {"cwd": "/"}
    if os.geteuid() == 0:  # which the server refuses to run as
        shutil.chown(folder, "postgres")
        as_user["user"] = "postgres"

    def run(name: str, *arguments: str) -> None:
        done = subprocess.run(
            [where / name, "-D", folder / "data", *arguments],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            **as_user,
        )
        assert done.returncode == 0, f"{name}: {done.stdout}"

    run("initdb", "-U", OWNER, "--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    listen = f"-c listen_addresses=127.0.0.1 -c port={port} -c unix_socket_directories={folder}"
    run("pg_ctl", "-w", "-l", str(folder / "log"), "-o", listen, "start")
    try:
        yield f"postgresql://{OWNER}@127.0.0.1:{port}/postgres"
    finally:
        run("pg_ctl", "-m", "immediate", "stop")
        shutil.rmtree(folder)
