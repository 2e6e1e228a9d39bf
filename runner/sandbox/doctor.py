"""What `robotrader doctor jail` says: the level this host gives, and each probe's result."""

from __future__ import annotations

from collections.abc import Callable

from runner.sandbox.errors import JailRefusedError
from runner.sandbox.jail import Jail
from runner.sandbox.preflight import Inspection
from runner.sandbox.settings import JailSettings

Say = Callable[[str], None]


async def examine(say: Say, settings: JailSettings | None = None) -> bool:
    """Start a jail, tell all that was found, and stop it; whether user code is accepted."""
    jail = Jail(settings)
    refusal = ""
    try:
        await jail.start()
    except JailRefusedError as error:
        refusal = str(error)
    level = jail.level.value
    try:
        for inspection in jail.inspections:
            _tell(inspection, say)
    finally:
        await jail.stop()
    say(refusal or f"The jail of this host is {level!r}: user code is accepted.")
    return not refusal


def _tell(inspection: Inspection, say: Say) -> None:
    stack = inspection.stack
    layers = [name.replace("_", " ") for name, is_there in stack.to_dict().items() if is_there]
    say(f"Level {stack.level.value!r}, made of {', '.join(layers)}:")
    for problem in inspection.problems:
        say(f"  MISSING  {problem}")
    for result in inspection.results:
        verdict = "stopped" if result.is_stopped else "ESCAPED"
        say(f"  {verdict}  {result.name.replace('_', ' ')}: {result.detail}")
    if inspection.results:
        n_stopped = sum(result.is_stopped for result in inspection.results)
        say(f"  {n_stopped} of {len(inspection.results)} attempts to escape are stopped.")
