"""Own modules, and more that can't travel."""

from __future__ import annotations

from .shapes import FUTURE, RT, Refusal, bot

REFUSED_MODULES = (
    Refusal(
        "names of an own module by star",
        files={
            "helpers.py": """\
def size():
    return 2
""",
            "main.py": RT + "from helpers import *\n" + bot("size()"),
        },
        problems=(
            (
                "main.py",
                2,
                "size",
                "comes from `from helpers import *`",
            ),
        ),
    ),
    Refusal(
        "a closure that has counted",
        cells=(
            RT
            + """\
def outer():
    L = []
    def add(x):
        L.append(x)
        return len(L)
    return add
f = outer()
f(1)
"""
            + bot("f(1)"),
        ),
        problems=(
            (
                "<cell 1>",
                8,
                "f",
                "cells of it hold values that were changed since",
            ),
        ),
    ),
    Refusal(
        "a helper class changed in a later cell",
        cells=(
            RT
            + """\
class Config:
    n = 2
"""
            + bot("Config.n"),
            "Config.n = 5\n",
        ),
        problems=(
            (
                "<cell 1>",
                2,
                "Config",
                "n of it is not what its source gives",
            ),
        ),
    ),
    Refusal(
        "a dispatcher with functions of no name",
        cells=(
            RT
            + """\
from functools import singledispatch
@singledispatch
def f(x):
    return 1
@f.register
def _(x: int):
    return 2
"""
            + bot("f(2)"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "f",
                "cells of it hold values",
            ),
        ),
    ),
    Refusal(
        "an object in a global that a method changes",
        cells=(
            RT
            + """\
class Box:
    n = 0

BOX = Box()
class Bot(rt.Strategy):
    def on_bar(self, ctx):
        BOX.n += 1
""",
        ),
        problems=(
            (
                "<cell 1>",
                8,
                "BOX",
                "a restarted bot would lose",
            ),
        ),
    ),
    Refusal(
        "a package in a hint and, further down, in the code",
        cells=(
            FUTURE
            + RT
            + """\
import subprocess
def a(x: subprocess.Popen):
    return 1
def b():
    return subprocess.PIPE
"""
            + bot("a(1) + b()"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "subprocess",
                "no processes",
            ),
        ),
    ),
    Refusal(
        "a name for type checkers in a hint and, further down, in the code",
        cells=(
            FUTURE
            + RT
            + """\
from typing import TYPE_CHECKING
if TYPE_CHECKING:
    import numpy as np
def a(x: np.ndarray):
    return 1
def b():
    return np.ones(1)[0]
"""
            + bot("a(1) + b()"),
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
        "a kind of DataFrame, and an index",
        cells=(
            RT
            + """\
import pandas as pd
class Mine(pd.DataFrame):
    pass
D = Mine({'a': [1]})
I = pd.RangeIndex(3)
"""
            + bot("len(D) + len(I)"),
        ),
        problems=(
            (
                "<cell 1>",
                5,
                "D",
                "is a DataFrame",
            ),
            (
                "<cell 1>",
                6,
                "I",
                "is an Index",
            ),
        ),
    ),
    Refusal(
        "the file that the code stands in",
        files={"main.py": RT + bot("len(__file__)")},
        problems=(
            (
                "main.py",
                6,
                "__file__",
                "doesn't travel",
            ),
        ),
    ),
)
