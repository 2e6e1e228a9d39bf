"""A process that runs a jail with bots, and waits to be killed: for `test_lifetimes`.

It is told the level, and prints the numbers of all processes of the jail once bots are at work.
"""

from __future__ import annotations

import asyncio
import json
import sys

from runner.sandbox import jail as jail_module
from runner.sandbox import preflight
from runner.sandbox.jail import Jail
from runner.sandbox.processes import facts_of
from runner.sandbox.settings import JailSettings
from runner.sandbox.stack import Level, stacks_to_try
from tests.runner.sandbox.attackers import BARS, PATIENT, bundle
from tests.runner.sandbox.jails import HOUR, MARKET, RICH
from tests.runner.sandbox.stacks import PRELOADED

WORK = ("while True: pass", "sum(range(10**12))", "import time; time.sleep(600)", "pass", "pass")


async def run(level: Level) -> None:
    """Never returns."""
    jail_module.stacks_to_try = lambda: [s for s in stacks_to_try() if s.level is level]
    preflight.all_probes = list  # other tests look at what they find
    settings = JailSettings(preloaded=PRELOADED, limits=PATIENT, accepts_min=True)
    async with Jail(settings) as jail:
        bots = [
            await jail.spawn(bundle(work), {}, markets=(MARKET,), timeframe=HOUR) for work in WORK
        ]
        questions = [
            asyncio.create_task(bot.decide({MARKET.symbol: BARS}, RICH)) for bot in bots[:-1]
        ]
        await asyncio.sleep(0.2)
        zygote = (await jail._living_cells()).zygote.first.outer
        parts = {
            "bots": [bot.process for bot in bots],
            "zygote": zygote,
            "outer": int(facts_of(zygote)["PPid"]) if level is Level.FULL else zygote,
        }
        sys.stdout.write(f"{json.dumps(parts)}\n")
        sys.stdout.flush()
        await asyncio.gather(*questions)
        await asyncio.sleep(600)


if __name__ == "__main__":
    asyncio.run(run(Level(sys.argv[1])))
