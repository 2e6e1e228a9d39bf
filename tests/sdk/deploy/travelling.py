"""Code that travels, and what its source says."""

from __future__ import annotations

from .shapes import FUTURE, RT, Shape, bot

TRAVELLING = (
    Shape(
        "nothing but the class",
        cells=(RT + bot(),),
        says=("import robotrader_sdk as rt",),
    ),
    Shape(
        "a helper",
        cells=(
            RT
            + """\
def half(x):
    return x / 2
"""
            + bot("half(3)"),
        ),
    ),
    Shape(
        "helpers that use helpers, one of them itself",
        cells=(
            RT
            + """\
def a(x):
    return b(x) + 1

def b(x):
    return c(x)

def c(x):
    return x if x < 1 else c(x - 1)

def unused():
    return 1
"""
            + bot("a(2.5)"),
        ),
        never=("unused",),
    ),
    Shape(
        "a constant",
        cells=(
            RT
            + """\
N = 3
UNUSED = 4
"""
            + bot("N"),
        ),
        says=("N = 3",),
        never=("UNUSED",),
    ),
    Shape(
        "constants of constants",
        cells=(
            RT
            + """\
import math
A = 2
B = A * math.sqrt(A) + len('abc')  # a sum
"""
            + bot("B"),
        ),
        says=(
            "B = A * math.sqrt(A) + len('abc')  # a sum",
            "import math",
        ),
    ),
    Shape(
        "a constant rebound in a later cell",
        cells=(
            RT + "N = 3\n",
            bot("N"),
            "N = 7\n",
        ),
        says=("N = 7",),
        never=("N = 3",),
    ),
    Shape(
        "a list that grew",
        cells=(
            RT
            + """\
L = [1]
L.append(2.5)
"""
            + bot("L[-1]"),
        ),
        says=("L = [1, 2.5]",),
    ),
    Shape(
        "a constant of a loop",
        cells=(
            RT
            + """\
TOTAL = 0
for k in range(4):
    TOTAL += k
"""
            + bot("TOTAL"),
        ),
        says=("TOTAL = 6",),
    ),
    Shape(
        "figures computed of data that stays behind",
        cells=(
            RT
            + """\
prices = rt.synthetic_bars(50).close
MEAN = float(prices.mean())
SPREAD = prices.to_numpy().std()
"""
            + bot("(MEAN + SPREAD) / 100"),
        ),
        says=("import numpy",),
        never=("prices",),
    ),
    Shape(
        "a dict of plain values",
        cells=(RT + "P = {'a': (1, 2.5), 'b': [None, True]}\n" + bot("P['a'][1]"),),
    ),
    Shape(
        "a set, and what its order gave",
        cells=(
            RT
            + """\
S = {'ab', 'cd', 'ef', 'gh'}
FIRST = list(S)[0]
SECOND = [*{'ab', 'cd', 'ef'}][0]
T = set(list(S))
"""
            + bot("len(S) + ord(FIRST[0]) / 100 + len(T) + len(SECOND)"),
        ),
        never=(
            "list(S)[0]",
            "[*{",
        ),
    ),
    Shape(
        "floats that have no literal",
        cells=(
            RT
            + """\
import math
X = [math.inf, -math.inf, math.nan]
X.append(0.1)
"""
            + bot("X[3]"),
        ),
        says=('X = [float("inf"), float("-inf"), float("nan"), 0.1]',),
    ),
    Shape(
        "a set that grew",
        cells=(
            RT
            + """\
S = {'ab', 'cd'}
S |= {'ef', 'gh', 'ij'}
F = frozenset(S)
F |= {1}
"""
            + bot("len(S) + len(F)"),
        ),
        says=(
            "S = {'ab', 'cd', 'ef', 'gh', 'ij'}",
            "F = frozenset({'ab', 'cd', 'ef', 'gh', 'ij', 1})",
        ),
    ),
    Shape(
        "names that a notebook has too",
        cells=(
            RT
            + """\
def display(x):
    return x
Out = 2
"""
            + bot("display(Out)"),
        ),
    ),
    Shape(
        "local names of what can't travel",
        cells=(
            RT
            + """\
n = x = k = rt.synthetic_bars(9)

def size(x, *k):
    n = x
    return n + sum(n for n in [x for x in k])
"""
            + bot(
                "size(self.m, 1)",
                """\
    n = 2
    m = n + 1
""",
            ),
        ),
        never=("synthetic",),
    ),
    Shape(
        "two names at once",
        cells=(
            RT
            + """\
A, B = 2, 3
C = D = 4
"""
            + bot("A + B + C + D"),
        ),
    ),
    Shape(
        "statements on one line",
        cells=(RT + "A = 2; B = 3; C = 4\n" + bot("A + C"),),
        never=("B = 3",),
    ),
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
    Shape(
        "decorators",
        cells=(
            RT
            + """\
import functools

def twice(f):
    @functools.wraps(f)
    def inner(*a):
        return f(*a) + f(*a)
    return inner

def bare(f):
    return lambda *a: f(*a) + 1

@bare
@twice
def size(x):
    return x
"""
            + bot("size(2)"),
        ),
        says=(
            """\
@bare
@twice
def size(x):""",
        ),
    ),
    Shape(
        "functools: lru_cache, cache, partial, cached_property",
        cells=(
            RT
            + """\
import functools
from functools import cached_property, lru_cache, partial

@lru_cache(maxsize=4)
def a(x):
    return x

@functools.cache
def b(x):
    return x

c = partial(a, 2)
"""
            + bot(
                "b(1) + c() + self.d",
                """\
    @cached_property
    def d(self):
        return 1
""",
            ),
        ),
    ),
    Shape(
        "a closure made by a function",
        cells=(
            RT
            + """\
def adder(n):
    def add(x):
        return x + n
    return add

add2 = adder(2)
"""
            + bot("add2(1)"),
        ),
        says=("add2 = adder(2)",),
    ),
    Shape(
        "a lambda in a global",
        cells=(RT + "double = lambda x: x * 2\n" + bot("double(2)"),),
    ),
    Shape(
        "a class made in a function, with its variables",
        cells=(
            RT
            + """\
import math

def make(step, names):
    offset = step * 2
    class Bot(rt.Strategy):
        def on_bar(self, ctx):
            if ctx.position:
                ctx.close_position()
            else:
                ctx.buy(quantity=offset + len(names) + math.pi)
    return Bot

Bot = make(1.5, ['a'])
""",
        ),
        says=(
            "offset = 3.0",
            "names = ['a']",
            """\
class Bot(rt.Strategy):
    def on_bar""",
        ),
        never=(
            "step",
            "def make",
        ),
    ),
    Shape(
        "properties, class methods, static methods, class attributes",
        cells=(
            RT
            + "BASE = 2\n"
            + bot(
                "self.size + self.one() + self.two()",
                """\
    sizes = (BASE, 3)
    warmup_bars = BASE
    @property
    def size(self):
        return self.sizes[1]
    @classmethod
    def one(cls):
        return cls.sizes[0]
    @staticmethod
    def two():
        return BASE
""",
            ),
        ),
    ),
    Shape(
        "comprehensions, generators, walrus and match",
        cells=(
            RT
            + """\
LEVELS = [1, 2, 3]
SQUARES = {k: k * k for k in LEVELS}

def size(x):
    match x:
        case [a, *_] if (b := a) > 0:
            return b + sum(SQUARES[k] for k in LEVELS)
    return 1
"""
            + bot("size(LEVELS)"),
        ),
        says=("SQUARES = {k: k * k for k in LEVELS}",),
    ),
    Shape(
        "unicode",
        cells=(
            RT
            + """\
größe = 2
名前 = '観る 📈\\u2028'
def größer(x):
    return x + größe + len(名前)
"""
            + bot("größer(1)"),
        ),
        says=("größe = 2",),
    ),
    Shape(
        "texts over several lines",
        cells=(
            RT
            + """\
NOTE = '''
  first
\tsecond
'''
"""
            + bot(
                "len(NOTE)",
                """\
    \"\"\"Buys.

    And sells.
    \"\"\"
""",
            ),
        ),
        says=(
            """\
NOTE = '''
  first
\tsecond
'''""",
        ),
    ),
    Shape(
        "a comment behind a definition",
        cells=(
            RT
            + """\
def f():  # why
    return 2  # two
"""
            + bot("f()"),
        ),
        says=(
            """\
def f():  # why
    return 2  # two""",
        ),
    ),
    Shape(
        "definitions under a condition",
        cells=(
            RT
            + """\
import sys
if sys.version_info >= (3, 0):
    def size():
        return 2
    LIMIT = 3
else:
    def size():
        return 1
"""
            + bot("size() + LIMIT"),
        ),
        says=(
            """\
def size():
    return 2""",
            "LIMIT = 3",
        ),
    ),
    Shape(
        "a name defined twice, the newest wins",
        cells=(
            RT
            + """\
def size():
    return 1
""",
            """\
def size():
    return 2
""",
            bot("size()"),
        ),
        says=("return 2",),
        never=("return 1",),
    ),
    Shape(
        "a helper defined in a cell below",
        cells=(
            RT + bot("size()"),
            """\
def size():
    return STEP
""",
            "STEP = 3\n",
        ),
    ),
    Shape(
        "values of the library and of the standard library",
        cells=(
            RT
            + """\
import re
from datetime import timedelta
from decimal import Decimal
import logging
log = logging.getLogger(__name__)
FEES = rt.Fees(maker=0.001, taker=0.002)
DAY = timedelta(days=1)
PATTERN = re.compile('a+')
TEN = Decimal('10')
FRAME = rt.Timeframe.parse('1h')
sma = rt.ta.sma
_MISSING = object()

def size(x=_MISSING):
    log.debug('asked')
    return 1 if x is not _MISSING else FEES.taker + DAY.days + float(TEN) + FRAME.seconds / 3600
"""
            + bot(
                "size() + len(PATTERN.findall('aaba'))",
                """\
    def init(self, bars):
        self.line = self.indicator(sma, bars.close, 3)
""",
            ),
        ),
    ),
    Shape(
        "a pydantic model, a protocol and an abstract class",
        cells=(
            RT
            + """\
from abc import ABC, abstractmethod
from typing import Protocol
import pydantic

class Settings(pydantic.BaseModel):
    size: float = 2.0

class Sized(Protocol):
    def size(self) -> float: ...

class Sizer(ABC):
    @abstractmethod
    def size(self): ...

class Two(Sizer):
    def size(self):
        return Settings().size

def ask(x: Sized):
    return x.size()
"""
            + bot("ask(Two())"),
        ),
    ),
    Shape(
        "generics, slots, operators and a metaclass",
        cells=(
            RT
            + """\
from typing import Generic, TypeVar
T = TypeVar('T')

class Meta(type):
    def __len__(cls):
        return 2

class Box(Generic[T], metaclass=Meta):
    __slots__ = ('value',)
    def __init__(self, value: T):
        self.value = value
    def __add__(self, other):
        return Box(self.value + other.value)

BOX = Box(2)
"""
            + bot("(BOX + Box(1)).value + len(Box)"),
        ),
    ),
    Shape(
        "numba functions",
        cells=(
            RT
            + """\
import numba
from numba import njit

@njit
def half(x):
    return x / 2

@numba.njit(fastmath=False)
def size(x):
    return half(x) + 1
"""
            + bot("half.py_func(3.0) + size.py_func.__code__.co_argcount"),
        ),
        says=(
            """\
@njit
def half(x):""",
        ),
    ),
    Shape(
        "a portfolio with target weights",
        cells=(
            RT
            + """\
TOP = 2

class Bot(rt.PortfolioStrategy):
    rebalance = 'weekly'
    lookback: int = rt.param(5, ge=2)
    def target_weights(self, panel):
        change = panel.close.pct_change(self.lookback)
        return (change.rank(axis=1, ascending=False) <= TOP) / TOP
""",
        ),
    ),
    Shape(
        "a star in a call",
        cells=(
            RT
            + """\
ARGS = (1, 2)
KW = {'c': 3}
def f(a, b, *, c):
    return a + b + c
"""
            + bot("f(*ARGS, **KW)"),
        ),
    ),
    Shape(
        "a portfolio bar by bar",
        cells=(
            RT
            + """\
def weights(symbols):
    return {s: 1 / len(symbols) for s in symbols}

class Bot(rt.PortfolioStrategy):
    rebalance = 7
    def on_bar(self, ctx):
        ctx.rebalance(weights(list(ctx)))
""",
        ),
    ),
    Shape(
        "a decorated class",
        cells=(
            RT
            + """\
def note(c):
    c.tag = 2
    return c

@note"""
            + bot("self.tag"),
        ),
    ),
    Shape(
        "annotations left as texts in one of two files",
        files={
            "helpers.py": FUTURE
            + """\
def size(x: Nope) -> float:
    def inner(y: Other) -> int:
        return y
    return inner(x)
""",
            "main.py": RT
            + """\
from helpers import size
def two(x: int) -> int:
    def f(y: int):
        return y
    return f(x)
"""
            + bot("size(1) + two(2)"),
        },
    ),
    Shape(
        "another base where no type checker looks",
        cells=(
            RT
            + """\
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    from a import B
else:
    B = object
class C(B):
    x = 2
"""
            + bot("C.x"),
        ),
    ),
    Shape(
        "texts over several lines in a definition under a condition",
        cells=(
            RT
            + """\
if True:
    def f():
        '''doc
        more'''
        return len('''a
        b''')
"""
            + bot("f()"),
        ),
    ),
    Shape(
        "types of every kind",
        cells=(
            RT
            + """\
from typing import Annotated, NewType, ParamSpec, TypedDict, Callable, Union, Optional
import typing as t
User = NewType('User', int)
P = ParamSpec('P')
class D(TypedDict, total=False):
    a: int
A = Annotated[int, 'x']
F = Callable[[int], float]
U = Union[int, None]
O = t.Optional[D]
V = int | str | None
def f(x: F, u: U, o: O, a: A, p: P, v: V) -> User:
    return User(2)
"""
            + bot("f(1,2,3,4,5,6) + len(D(a=1))"),
        ),
    ),
    Shape(
        "descriptors",
        cells=(
            RT
            + """\
class Desc:
    def __set_name__(self, o, n):
        self.n = n
    def __get__(self, i, o):
        return 2
"""
            + bot("self.d", "    d = Desc()\n"),
        ),
    ),
    Shape(
        "a base that prepares its subclasses",
        cells=(
            RT
            + """\
class Base(rt.Strategy):
    kinds = 1
    def __init_subclass__(cls, **k):
        super().__init_subclass__(**k)
        cls.extra = HELP
HELP = 3
"""
            + bot("self.extra", base="Base"),
        ),
    ),
    Shape(
        "functions in a dict",
        cells=(
            RT
            + """\
def half(x): return x/2
RULES = {'a': half, 'b': lambda x: x}
"""
            + bot("RULES['a'](2) + RULES['b'](1)"),
        ),
    ),
    Shape(
        "a decorator with arguments",
        cells=(
            RT
            + """\
def times(n):
    def deco(f):
        def inner(*a):
            return n * f(*a)
        return inner
    return deco
K = 3
@times(K)
def size(x):
    return x
"""
            + bot("size(1)"),
        ),
    ),
    Shape(
        "own modules that import each other",
        files={
            "helpers.py": """\
STEP = 2
from other import b
def a(x):
    return b(x)
""",
            "other.py": """\
from helpers import STEP
def b(x):
    return x * STEP
""",
            "main.py": RT + "from helpers import a\n" + bot("a(2)"),
        },
    ),
    Shape(
        "names that a package passes on",
        files={
            "pk/__init__.py": """\
from .x import size as size
from numpy import mean
""",
            "pk/x.py": """\
def size():
    return 2
""",
            "main.py": RT + "from pk import size, mean\n" + bot("size() + float(mean([1]))"),
        },
    ),
    Shape(
        "a dataclass with factories, order and keywords",
        cells=(
            RT
            + """\
from dataclasses import dataclass, field, KW_ONLY
D = 2
@dataclass(order=True)
class P:
    x: int = field(default=D, compare=False)
    _: KW_ONLY
    y: 'list[int]' = field(default_factory=lambda: [D])
    def s(self): return self.x + len(self.y) + D
"""
            + bot("P().s()"),
        ),
    ),
    Shape(
        "bounds of parameters in a dict",
        cells=(
            RT
            + "COMMON = dict(ge=1, le=9)\n"
            + bot("self.n", "    n: int = rt.param(2, **COMMON)\n"),
        ),
    ),
    Shape(
        "a pydantic validator",
        cells=(
            RT
            + """\
from pydantic import BaseModel, field_validator, Field
class M(BaseModel):
    a: int = Field(2, ge=1)
    @field_validator('a')
    @classmethod
    def check(cls, v):
        return v
DEF = M(a=3)
"""
            + bot("M().a + DEF.a"),
        ),
    ),
    Shape(
        "context managers",
        cells=(
            RT
            + """\
from contextlib import contextmanager, suppress
@contextmanager
def cm():
    yield 2
def f():
    with cm() as x, suppress(ValueError):
        return x
"""
            + bot("f()"),
        ),
    ),
    Shape(
        "names of built-in functions",
        cells=(
            RT
            + """\
def open(x): return x
max = min
"""
            + bot("open(2) + max(1, 2)"),
        ),
    ),
    Shape(
        "closures within closures",
        cells=(
            RT
            + """\
def outer(k):
    def mid(j):
        def inner(x):
            return x + j + k
        return inner
    return mid
f = outer(1)(2)
"""
            + bot("f(1)"),
        ),
    ),
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
