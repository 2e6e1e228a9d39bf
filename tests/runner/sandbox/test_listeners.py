"""Somebody listens on this host, and no bot gets to it."""

from __future__ import annotations

import os
import secrets
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.runner.sandbox.attackers import bundle, decide
from tests.runner.sandbox.jails import Prison

CONNECT = {
    "tcp": "socket.create_connection(({host!r}, {port}), 5)",
    "udp": "socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'x', ({host!r}, {udp}))",
    "unix": "socket.socket(socket.AF_UNIX).connect({path!r})",
    "abstract": "socket.socket(socket.AF_UNIX).connect('\\0' + {name!r})",
}


@pytest.fixture
def listeners(tmp_path: Path) -> Iterator[tuple[dict[str, socket.socket], dict[str, object]]]:
    """One of each kind, and where it listens."""
    path, name = str(tmp_path / "socket"), f"robotrader-{os.getpid()}-{secrets.token_hex(8)}"
    made = {
        "tcp": socket.socket(),
        "udp": socket.socket(socket.AF_INET, socket.SOCK_DGRAM),
        "unix": socket.socket(socket.AF_UNIX),
        "abstract": socket.socket(socket.AF_UNIX),
    }
    made["tcp"].bind(("127.0.0.1", 0))
    made["udp"].bind(("127.0.0.1", 0))
    made["unix"].bind(path)
    made["abstract"].bind(f"\0{name}")
    for kind, listener in made.items():
        if kind != "udp":
            listener.listen()
    ports = {"port": made["tcp"].getsockname()[1], "udp": made["udp"].getsockname()[1]}
    yield made, {"host": "127.0.0.1", "path": path, "name": name, **ports}
    for listener in made.values():
        listener.close()


@pytest.mark.parametrize("kind", CONNECT)
def test_a_listener_is_reached_from_outside_and_not_by_a_bot(
    prison: Prison,
    listeners: tuple[dict[str, socket.socket], dict[str, object]],
    kind: str,
) -> None:
    made, places = listeners
    code = f"import socket\n{CONNECT[kind].format(**places)}"
    (decision,) = decide(prison, bundle(code))
    assert "Operation not permitted" in decision.reason
    assert not _hears(made[kind], 0.0)
    subprocess.run([sys.executable, "-I", "-c", code], check=True, timeout=60)
    assert _hears(made[kind], 20.0)


def _hears(listener: socket.socket, seconds: float) -> bool:
    return bool(select.select([listener], [], [], seconds)[0])
