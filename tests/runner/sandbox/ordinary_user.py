"""A jail as an ordinary user has it, for `test_ordinary_user`: prints what its preflight found.

Where root runs this, it becomes an ordinary user first. Python and the repository may lie in a
folder that only root may enter; so in a mount namespace of its own such folders are covered, and
what is needed of them is bound again at the same place.
"""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from runner.sandbox import jail as jail_module
from runner.sandbox import system_calls as calls
from runner.sandbox.errors import JailRefusedError
from runner.sandbox.jail import Jail
from runner.sandbox.outcome import Outcome
from runner.sandbox.settings import JailSettings
from runner.sandbox.stack import Level, stacks_to_try
from tests.runner.sandbox.attackers import BARS, PATIENT, bundle
from tests.runner.sandbox.jails import HOUR, MARKET, RICH
from tests.runner.sandbox.stacks import PRELOADED

_NOBODY = 65_534
_ANYBODY_MAY_ENTER = 0o001
_ROOT = Path(__file__).resolve().parents[3]


def become_ordinary() -> None:
    """Go on as a user who owns nothing, but may read this interpreter and this repository."""
    calls.unshare(calls.CLONE_NEWNS)
    calls.mount(None, "/", None, calls.MS_REC | calls.MS_PRIVATE)
    prefixes = [Path(p).resolve() for p in (sys.base_prefix, sys.prefix, *sys.path) if p]
    packages = [_ROOT / name for name in ("robotrader_sdk", "strategies", "runner", "tests")]
    _uncover([path for path in (*prefixes, *packages) if path.is_dir() and path != _ROOT])
    os.setgroups([])
    os.setresgid(_NOBODY, _NOBODY, _NOBODY)
    os.setresuid(_NOBODY, _NOBODY, _NOBODY)
    os.environ["HOME"] = "/nonexistent"


def _uncover(needed: Iterable[Path]) -> None:
    folders = {folder: os.open(folder, os.O_PATH) for folder in needed}
    for closed in sorted({c for folder in folders for c in _closed_above(folder)}):
        if not closed.stat().st_mode & _ANYBODY_MAY_ENTER:  # it may be covered by now
            calls.mount("tmpfs", str(closed), "tmpfs", 0, "mode=755,size=1m")
    for folder, descriptor in sorted(folders.items()):
        folder.mkdir(parents=True, exist_ok=True)
        source, flags = f"/proc/self/fd/{descriptor}", calls.MS_BIND | calls.MS_REC
        calls.mount(source, str(folder), None, flags)
        os.close(descriptor)


def _closed_above(folder: Path) -> list[Path]:
    return [p for p in folder.parents if not p.stat().st_mode & _ANYBODY_MAY_ENTER]


async def examine(level: Level) -> dict[str, Any]:
    """What a jail of one level finds, and what a bot in it decides."""
    jail_module.stacks_to_try = lambda: [s for s in stacks_to_try() if s.level is level]
    jail = Jail(JailSettings(preloaded=PRELOADED, limits=PATIENT, accepts_min=True))
    refusal, outcome, n_intents = "", Outcome.PAUSED, 0
    try:
        async with jail:
            code = bundle("ctx.buy(quantity=1)")
            bot = await jail.spawn(code, {}, markets=(MARKET,), timeframe=HOUR)
            decision = await bot.decide({MARKET.symbol: BARS}, RICH)
            outcome, n_intents = decision.outcome, len(decision.intents)
            await bot.kill()
    except JailRefusedError as error:
        refusal = str(error)
    (inspection,) = jail.inspections
    return {
        "user": os.getuid(),
        "refusal": refusal,
        "problems": inspection.problems,
        "stopped": {r.name: r.is_stopped or r.detail for r in inspection.results},
        "outcome": outcome.name,
        "n_intents": n_intents,
    }


if __name__ == "__main__":
    if os.geteuid() == 0:
        become_ordinary()
    levels = (Level.FULL, Level.MIN)
    json.dump({level.value: asyncio.run(examine(level)) for level in levels}, sys.stdout)
