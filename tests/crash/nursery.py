"""A process that has everything imported and forks a child for each life it is asked for.

Lives come as lines of JSON on its input; for each it writes the child's number, and when it has
ended its exit status, each as a line.
"""

from __future__ import annotations

import importlib
import json
import os
import sys
import traceback
from pathlib import Path

from tests.crash.child import Life, live

_LATE = (
    "anyio._backends._asyncio",
    "ccxt.async_support",
    "httpcore",
    "robotrader_sdk.indicators",
    "sqlalchemy.dialects.sqlite.aiosqlite",
    "talib",
)
"""What is imported by whoever first needs it."""


def main() -> None:
    """Serve until the input ends."""
    for name in _LATE:  # so that no child has to
        importlib.import_module(name)
    for line in sys.stdin:
        asked = json.loads(line)
        log = Path(asked.pop("log"))
        asked["symbols"] = tuple(asked["symbols"])
        asked["kill"] = tuple(asked["kill"]) if asked["kill"] else None
        child = os.fork()
        if child == 0:
            _be_child(Life(**asked), log)
        sys.stdout.write(f"{child}\n")
        sys.stdout.flush()
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()


def _be_child(life: Life, log: Path) -> None:
    status = 1
    try:
        with log.open("a") as file:
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        live(life)
        status = 0
    except SystemExit as ended:
        status = int(ended.code or 0)
    except BaseException:  # noqa: BLE001 - whatever it is, it belongs into the log
        traceback.print_exc()
    finally:
        sys.stderr.flush()
        os._exit(status)


if __name__ == "__main__":
    main()
