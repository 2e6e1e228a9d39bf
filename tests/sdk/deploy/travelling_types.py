"""Classes, annotations and imports that travel."""

from __future__ import annotations

from .shapes import FUTURE, RT, Shape, bot

TRAVELLING_TYPES = (
    Shape(
        "a class that is not a strategy",
        cells=(
            RT
            + """\
class Sizer:
    step = 2
    def size(self):
        return self.step
"""
            + bot("Sizer().size()"),
        ),
    ),
    Shape(
        "inheritance from another user class, in another cell",
        cells=(
            RT
            + """\
K = 2
class Base(rt.Strategy):
    def size(self):
        return K
""",
            bot("self.size()", base="Base"),
        ),
    ),
    Shape(
        "a mixin and super()",
        cells=(
            RT
            + """\
class Sized:
    def size(self):
        return 2

class More(Sized):
    def size(self):
        return super().size() + 1
"""
            + bot("self.size()", base="More, rt.Strategy"),
        ),
    ),
    Shape(
        "a subclass of a library strategy",
        cells=(
            """\
from strategies import BuyAndHold

class Bot(BuyAndHold):
    note = 'mine'
""",
        ),
        says=("from strategies import BuyAndHold",),
    ),
    Shape(
        "a library strategy with other defaults",
        cells=(
            RT
            + """\
from strategies.sma_cross import SmaCross as Cross

class Bot(Cross):
    fast: int = rt.param(3, ge=2)
    slow: int = rt.param(9, ge=3)
""",
        ),
        says=("from strategies.sma_cross import SmaCross as Cross",),
    ),
    Shape(
        "a dataclass on self",
        cells=(
            RT
            + """\
from dataclasses import dataclass, field

@dataclass
class Memory:
    seen: list = field(default_factory=list)
    factor: float = 2.0
"""
            + bot(
                "self.memory.factor + len(self.memory.seen)",
                """\
    def init(self, bars):
        self.memory = Memory()
""",
            ),
        ),
    ),
    Shape(
        "a frozen dataclass in a global",
        cells=(
            RT
            + """\
from dataclasses import dataclass

@dataclass(frozen=True, slots=True)
class P:
    x: float

DEFAULT = P(x=1.5)
"""
            + bot("DEFAULT.x"),
        ),
        says=("DEFAULT = P(x=1.5)",),
    ),
    Shape(
        "enums",
        cells=(
            RT
            + """\
from enum import Enum, IntEnum, auto

class Mode(Enum):
    FAST = auto()
    SLOW = 'slow'

class Size(IntEnum):
    BIG = 3

CHOSEN = Mode.SLOW
"""
            + bot("Size.BIG if CHOSEN is Mode.SLOW else 1"),
        ),
    ),
    Shape(
        "named tuples of both kinds",
        cells=(
            RT
            + """\
from collections import namedtuple
from typing import NamedTuple

class Level(NamedTuple):
    price: float
    size: float = 2

Point = namedtuple('Point', 'x y')
ORIGIN = Point(1, 2)
"""
            + bot("Level(1).size + ORIGIN.y"),
        ),
    ),
    Shape(
        "type aliases and variables",
        cells=(
            RT
            + """\
from typing import Literal, TypeVar
T = TypeVar('T')
Side = Literal['a', 'b']
Sizes = dict[str, list[float]]

def same(x: T, side: Side) -> T:
    return x
"""
            + bot("same(2, 'a')", "    sizes: Sizes = {}\n"),
        ),
    ),
    Shape(
        "declared parameters of constants",
        cells=(
            RT
            + "LOW, HIGH = 1, 9\n"
            + bot("self.n", "    n: int = rt.param(LOW + 1, ge=LOW, le=HIGH)\n"),
        ),
    ),
    Shape(
        "a parameter whose type is an alias in quotes",
        cells=(
            RT
            + """\
Window = int
Mode = str
"""
            + bot(
                "self.n",
                """\
    n: 'Window' = rt.param(4, ge=1)
    mode: Mode = rt.param('a', choices=('a', 'b'))
""",
            ),
        ),
        says=("Window = int",),
    ),
    Shape(
        "annotations left as texts",
        cells=(
            FUTURE + RT + "Window = int\n" + bot("self.n", "    n: Window = rt.param(4, ge=1)\n"),
        ),
        says=(
            "from __future__ import annotations",
            "Window = int",
        ),
    ),
    Shape(
        "type hints for type checkers only",
        cells=(
            FUTURE
            + "from typing import TYPE_CHECKING\n"
            + RT
            + """\
if TYPE_CHECKING:
    import requests
    from pandas import DataFrame as Frame

def size(x: Frame | None, y: requests.Session) -> float:
    return 2.0
"""
            + bot("size(None, None)"),
        ),
        says=(
            "if TYPE_CHECKING:",
            "    import requests",
            "    from pandas import DataFrame as Frame",
        ),
    ),
    Shape(
        "an import that only hints need, of what the jail lacks",
        cells=(
            FUTURE
            + RT
            + """\
import subprocess

def size(x: subprocess.Popen) -> int:
    return 2
"""
            + bot("size(None)"),
        ),
        says=(
            """\
if TYPE_CHECKING:
    import subprocess""",
        ),
    ),
    Shape(
        "imports of every form",
        cells=(
            RT
            + """\
import collections.abc
import math as m, statistics
from math import pi, tau as circle
import os

def size():
    assert isinstance([], collections.abc.Sized)
    return m.floor(pi) + circle + statistics.mean([1, 2])
"""
            + bot("size()"),
        ),
        says=(
            "from math import pi, tau as circle",
            "import math as m",
            "import collections.abc",
        ),
        never=("import os",),
    ),
    Shape(
        "imports inside functions",
        cells=(
            RT
            + """\
def size():
    import math
    from statistics import mean
    return math.pi + mean([1, 2])
"""
            + bot("size()"),
        ),
    ),
    Shape(
        "an optional import",
        cells=(
            RT
            + """\
try:
    import numpy as xp
except ImportError:
    xp = None
"""
            + bot("float(xp.ones(2).sum())"),
        ),
        says=("import numpy as xp",),
    ),
    Shape(
        "numpy, pandas and both indicator libraries",
        cells=(
            RT
            + """\
import numpy as np
import pandas as pd
import talib
from ta.trend import SMAIndicator

class Bot(rt.Strategy):
    def signals(self, bars):
        slow = talib.SMA(bars.close.to_numpy(), 5)
        fast = SMAIndicator(bars.close, 2).sma_indicator()
        up = pd.Series(np.where(fast > slow, True, False), index=bars.index)
        return rt.Signals(enter_long=up, exit_long=~up)
""",
        ),
        says=("from ta.trend import SMAIndicator",),
    ),
)
