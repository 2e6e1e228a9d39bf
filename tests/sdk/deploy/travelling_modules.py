"""Several files that travel as one."""

from __future__ import annotations

from .shapes import FUTURE, RT, Shape, bot

TRAVELLING_MODULES = (
    Shape(
        "a constant of a walrus",
        cells=(
            RT
            + """\
if (n := 3) > 2:
    pass
"""
            + bot("n"),
        ),
    ),
    Shape(
        "a module",
        files={
            "main.py": '"""Mine."""\n'
            + RT
            + """\
STEP = 2

def size():
    return STEP
"""
            + bot("size()")
            + """\

if __name__ == "__main__":
    print("no")
"""
        },
        never=("print",),
    ),
    Shape(
        "own modules beside it",
        files={
            "helpers.py": """\
from levels import LEVELS, top as _top
STEP = 2

def size(x):
    return x * STEP + _top()

def unused():
    return open('x')
""",
            "levels.py": """\
LEVELS = (1, 2, 3)

def top():
    return max(LEVELS)
""",
            "main.py": RT + "from helpers import STEP, size as sized\n" + bot("sized(STEP)"),
        },
        says=(
            "sized = size",
            "_top = top",
        ),
        never=(
            "unused",
            "from helpers",
        ),
    ),
    Shape(
        "an own module that only hints name",
        files={
            "helpers.py": """\
class Size:
    pass
""",
            "main.py": FUTURE
            + RT
            + """\
import helpers

def size(x: helpers.Size) -> float:
    return 2.0
"""
            + bot("size(None)"),
        },
        says=(
            """\
if TYPE_CHECKING:
    import helpers""",
        ),
    ),
    Shape(
        "relative imports in a package",
        files={
            "package/__init__.py": "",
            "package/deep/__init__.py": "",
            "package/deep/sizes.py": FUTURE
            + """\
from ..base import STEP

def size() -> float:
    return STEP
""",
            "package/base.py": RT
            + """\
STEP = 3

class Base(rt.Strategy):
    def size(self):
        return STEP
""",
            "package/main.py": RT
            + """\
from . import base as _base
from .base import Base
from .deep.sizes import size
"""
            + bot("size() + self.size()", base="Base"),
        },
        never=(
            "from .",
            "package",
        ),
    ),
    Shape(
        "one library import in two own modules",
        files={
            "helpers.py": """\
import math
from statistics import mean

def size():
    return math.pi + mean([1])
""",
            "main.py": """\
import math
import robotrader_sdk as rt
from helpers import size
"""
            + bot("size() + math.e"),
        },
    ),
)
