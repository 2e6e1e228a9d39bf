"""Functions, decorators and texts that travel."""

from __future__ import annotations

from .shapes import RT, Shape, bot

TRAVELLING_CODE = (
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
)
