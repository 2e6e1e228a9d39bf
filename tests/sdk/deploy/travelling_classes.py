"""More of classes, functions and bases that travels."""

from __future__ import annotations

from .shapes import FUTURE, RT, Shape, bot

TRAVELLING_CLASSES = (
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
)
