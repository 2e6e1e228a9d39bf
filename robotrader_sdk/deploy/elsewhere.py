"""A process of its own for one question about a bundle.

What was set in this process doesn't hold there: numpy's and decimal's settings, warnings, what
was added to others' classes, how texts are hashed. That is what a bundle meets where it is sent.
"""

from __future__ import annotations

import os
import pickle
import re
import subprocess
import sys
from time import perf_counter
from types import TracebackType
from typing import Self

from robotrader_sdk.deploy.fresh import Answer, Question
from robotrader_sdk.deploy.modules import ROOT
from robotrader_sdk.errors import DeployError

LONGEST_START = 120.0
TIMES_AS_LONG = 20.0
"""A copy may take so many seconds to start, and so many times what went before it here."""

_START = """\
import sys
root = sys.argv[1]
if root not in sys.path:
    sys.path.insert(0, root)
from robotrader_sdk.deploy.fresh import main
main()
"""
_HASH_SEEDS = ("4711", "4712")
_LINE = re.compile(r"\(<strategy[^>]*>, line (\d+)\)")


class Elsewhere:
    """Starts at once, so that the library is loaded by the time there is a question.

    DeployError if no process can be started.
    """

    def __init__(self) -> None:
        self._started = perf_counter()
        environment = {k: v for k, v in os.environ.items() if not k.startswith("PYTHON")}
        own_seed = os.environ.get("PYTHONHASHSEED")
        environment["PYTHONHASHSEED"] = next(seed for seed in _HASH_SEEDS if seed != own_seed)
        try:
            self._process = subprocess.Popen(  # noqa: S603 - this very Python
                [sys.executable, "-s", "-P", "-c", _START, str(ROOT)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                env=environment,
            )
        except (OSError, ValueError) as error:
            raise DeployError(
                f"a bundle is checked in a process of its own, which can't be started: {error}"
            ) from error

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, question: Question) -> Answer:
        """The answer; DeployError if the process ends without one, or takes too long."""
        name = question.code.name
        limit = LONGEST_START + TIMES_AS_LONG * (perf_counter() - self._started)
        sent = pickle.dumps(tuple(question), protocol=5)
        try:
            reply, said = self._process.communicate(sent, timeout=limit)
        except subprocess.TimeoutExpired:
            raise DeployError(
                f"{name} takes more than {limit:.0f} s in a process of its own, in which it runs "
                f"twice; check it with fewer bars: check_bundle(..., bars=)"
            ) from None
        try:
            answer = pickle.loads(reply)  # noqa: S301 - from `fresh`
        except Exception:  # noqa: BLE001 - whatever is in a reply that breaks off
            last = (said.decode(errors="replace").strip().splitlines() or ["nothing was said"])[-1]
            raise DeployError(
                f"{name} has ended the process it was checked in (code "
                f"{self._process.returncode}): {last}"
            ) from None
        return _with_lines(answer, question.code.source)


def _with_lines(answer: Answer, source: str) -> Answer:
    """The text of the line that a problem names, which is one of the bundle's."""
    if answer.problem is None:
        return answer
    kind, message = answer.problem
    found, lines = _LINE.search(message), source.splitlines()
    if found is None or not 0 < int(found[1]) <= len(lines):
        return answer
    text = lines[int(found[1]) - 1].strip()
    shown = f"{found[0][:-1]}: {text})"
    return Answer(answer.traces, (kind, message.replace(found[0], shown, 1)))
