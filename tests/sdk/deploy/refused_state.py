"""State, names and objects that can't travel."""

from __future__ import annotations

from .shapes import RT, Refusal, bot

REFUSED_STATE = (
    Refusal(
        "a global written by a method",
        cells=(
            RT
            + """\
n = 0
class Bot(rt.Strategy):
    def on_bar(self, ctx):
        global n
        n += 1
""",
        ),
        problems=(
            (
                "<cell 1>",
                6,
                "n",
                "keep it on self",
            ),
        ),
    ),
    Refusal(
        "a global list and a dict changed in place",
        cells=(
            RT
            + """\
SEEN = []
COUNTS = {'a': {}}
class Bot(rt.Strategy):
    def on_bar(self, ctx):
        SEEN.append(ctx.close)
        COUNTS['a'][ctx.bar_number] = 1
""",
        ),
        problems=(
            (
                "<cell 1>",
                6,
                "SEEN",
                "a restarted bot would lose",
            ),
            (
                "<cell 1>",
                7,
                "COUNTS",
                "a restarted bot would lose",
            ),
        ),
    ),
    Refusal(
        "numba that needs a folder or threads",
        files={
            "main.py": RT
            + """\
import numba
@numba.njit(cache=True)
def a(x):
    return x
@numba.jit(nopython=True, parallel=True)
def b(x):
    return x
"""
            + bot("a(1) + b(1)")
        },
        problems=(
            (
                "main.py",
                3,
                "njit",
                "cache=True needs a folder",
            ),
            (
                "main.py",
                6,
                "jit",
                "parallel=True needs threads",
            ),
        ),
    ),
    Refusal(
        "a star import",
        cells=(RT + "from math import *\n" + bot("sqrt(2)"),),
        problems=(
            (
                "<cell 1>",
                2,
                "sqrt",
                "comes from `from math import *`",
            ),
        ),
    ),
    Refusal(
        "a name that is nowhere",
        cells=(
            RT
            + """\
def half(x):
    return x
"""
            + bot("hlaf(2)"),
        ),
        problems=(
            (
                "<cell 1>",
                8,
                "hlaf",
                "is defined nowhere (did you mean 'half'?)",
            ),
        ),
    ),
    Refusal(
        "a name for type checkers only, used when it runs",
        cells=(
            RT
            + """\
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import numpy as np
"""
            + bot("np.ones(1)[0]"),
        ),
        problems=(
            (
                "<cell 1>",
                9,
                "np",
                "for type checkers only",
            ),
        ),
    ),
    Refusal(
        "the environment",
        cells=(
            RT
            + """\
import os
HOME = os.environ.get('HOME', '')
"""
            + bot("len(HOME)"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "HOME",
                "read from the environment",
            ),
        ),
    ),
    Refusal(
        "a time that is another at each reading",
        cells=(
            RT
            + """\
from datetime import datetime, timezone
START = datetime.now(timezone.utc)
"""
            + bot("START.year"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "START",
                "is another time whenever it is read",
            ),
        ),
    ),
    Refusal(
        "an object that comes out otherwise each time",
        cells=(
            RT
            + """\
import uuid
ID = uuid.uuid4()
"""
            + bot("ID.version"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "ID",
                "is not what its source gives",
            ),
        ),
    ),
    Refusal(
        "an object changed after it was made",
        cells=(
            RT
            + """\
class Box:
    size = 1

BOX = Box()
BOX.size = 3
"""
            + bot("BOX.size"),
        ),
        problems=(
            (
                "<cell 1>",
                5,
                "BOX",
                "is not what its source gives",
            ),
        ),
    ),
    Refusal(
        "an object of a loop",
        cells=(
            RT
            + """\
from datetime import timedelta
for day in [timedelta(days=1)]:
    pass
"""
            + bot("day.days"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "day",
                "gets its value in a loop",
            ),
        ),
    ),
    Refusal(
        "too much data in a list",
        cells=(RT + "DATA = [float(x) for x in rt.synthetic_bars(3000).close]\n" + bot("DATA[0]"),),
        problems=(
            (
                "<cell 1>",
                2,
                "DATA",
                "is data, ",
            ),
        ),
    ),
    Refusal(
        "a function that exec made",
        cells=(
            RT + "exec('def made():\\n    return 1')\n",
            bot("made()"),
        ),
        problems=(
            (
                "<cell 2>",
                4,
                "made",
                "has no source at hand",
            ),
        ),
    ),
    Refusal(
        "a class that exec made",
        cells=(RT + "exec('class Bot(rt.Strategy):\\n    def on_bar(self, ctx): pass')\n",),
        problems=(
            (
                "",
                0,
                "Bot",
                "has no source at hand",
            ),
        ),
    ),
    Refusal(
        "a lambda from elsewhere put into the class",
        cells=(
            RT
            + bot(
                "self.size()",
                """\
    def size(self):
        return 1
""",
            )
            + "Bot.size = lambda self: 2\n",
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "Bot",
                "size of it is not what its source gives",
            ),
        ),
    ),
    Refusal(
        "an attribute set after the class was written",
        cells=(
            RT + bot("self.step", "    step = 1\n"),
            "Bot.step = 2\n",
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "Bot",
                "step of it is not what its source gives",
            ),
        ),
    ),
)
