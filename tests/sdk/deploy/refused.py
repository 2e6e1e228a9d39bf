"""Code that can't travel: each line, name and reason."""

from __future__ import annotations

from .shapes import FUTURE, RT, Refusal, bot

REFUSED = (
    Refusal(
        "an open file",
        cells=(RT + "LOG = __import__('sys').__stderr__\n" + bot("LOG.fileno()"),),
        problems=(
            (
                "<cell 1>",
                2,
                "LOG",
                "is an open file",
            ),
        ),
    ),
    Refusal(
        "a DataFrame in a global",
        cells=(RT + "DATA = rt.synthetic_bars(9)\n" + bot("DATA.close.iloc[0]"),),
        problems=(
            (
                "<cell 1>",
                2,
                "DATA",
                "is a DataFrame",
            ),
        ),
    ),
    Refusal(
        "a Series and an array in globals",
        cells=(
            RT
            + """\
import numpy as np
S = rt.synthetic_bars(9).close
A = np.ones(3)
"""
            + bot("S.iloc[0] + A[0]"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "S",
                "is a Series",
            ),
            (
                "<cell 1>",
                4,
                "A",
                "write its values as a tuple",
            ),
        ),
    ),
    Refusal(
        "data within a dict",
        cells=(RT + "D = {'x': [rt.synthetic_bars(9)]}\n" + bot("len(D)"),),
        problems=(
            (
                "<cell 1>",
                2,
                "D",
                "holds something that is a DataFrame",
            ),
        ),
    ),
    Refusal(
        "data through a helper",
        cells=(
            RT + "DATA = rt.synthetic_bars(9)\n",
            """\
def size():
    return len(DATA)
"""
            + bot("size()"),
        ),
        problems=(
            (
                "<cell 1>",
                2,
                "DATA",
                "is a DataFrame",
            ),
        ),
    ),
    Refusal(
        "a lock",
        cells=(
            RT
            + """\
import threading
LOCK = threading.Lock()
"""
            + bot("LOCK.locked() + 1"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "LOCK",
                "is a lock or a thread",
            ),
        ),
    ),
    Refusal(
        "a socket",
        cells=(
            RT
            + """\
import socket
S = socket.socket()
S.close()
"""
            + bot("S.fileno()"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "S",
                "is a socket",
            ),
        ),
    ),
    Refusal(
        "a generator and an iterator",
        cells=(
            RT
            + """\
G = (x for x in [1, 2])
I = iter([1, 2])
"""
            + bot("next(G) + next(I)"),
        ),
        problems=(
            (
                "<cell 1>",
                2,
                "G",
                "is a generator",
            ),
            (
                "<cell 1>",
                3,
                "I",
                "is an iterator",
            ),
        ),
    ),
    Refusal(
        "random numbers with a state",
        cells=(
            RT
            + """\
import random
RNG = random.Random(1)
R = __import__('numpy').random.default_rng(1)
"""
            + bot("RNG.random() + R.random()"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "RNG",
                "use ctx.rng",
            ),
            (
                "<cell 1>",
                4,
                "R",
                "use ctx.rng",
            ),
        ),
    ),
    Refusal(
        "a package that the jail lacks",
        cells=(RT + "import requests\n" + bot("len(requests.__name__)"),),
        problems=(
            (
                "<cell 1>",
                2,
                "requests",
                "the jail has no package requests; it has robotrader_sdk,",
            ),
        ),
    ),
    Refusal(
        "a package that the jail lacks, inside a function",
        cells=(
            RT
            + """\
def size():
    import httpx
    return 1
"""
            + bot("size()"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "httpx",
                "the jail has no package httpx",
            ),
        ),
    ),
    Refusal(
        "network and processes of the standard library",
        cells=(
            RT
            + """\
from socket import AF_INET
from urllib.request import urlopen
import subprocess
"""
            + bot("AF_INET + urlopen + subprocess.PIPE"),
        ),
        problems=(
            (
                "<cell 1>",
                2,
                "socket",
                "the jail has no network",
            ),
            (
                "<cell 1>",
                3,
                "urllib.request",
                "the jail has no network",
            ),
            (
                "<cell 1>",
                4,
                "subprocess",
                "no processes",
            ),
        ),
    ),
    Refusal(
        "threads, raw memory and files of the standard library",
        cells=(
            RT
            + """\
import threading
import ctypes as c
from pathlib import Path
import os
"""
            + bot("threading + c + Path + os"),
        ),
        problems=(
            (
                "<cell 1>",
                2,
                "threading",
                "no threads",
            ),
            (
                "<cell 1>",
                3,
                "ctypes",
                "raw memory",
            ),
            (
                "<cell 1>",
                4,
                "pathlib",
                "no files",
            ),
            (
                "<cell 1>",
                5,
                "os",
                "environment",
            ),
        ),
    ),
    Refusal(
        "hidden imports",
        cells=(
            RT
            + "import importlib\n"
            + bot("importlib.import_module('math').pi + __import__('math').pi"),
        ),
        problems=(
            (
                "<cell 1>",
                2,
                "importlib",
                "write imports out",
            ),
            (
                "<cell 1>",
                7,
                "__import__",
                "write imports out",
            ),
        ),
    ),
    Refusal(
        "code in texts",
        cells=(RT + bot("eval('1') + (exec('x = 1') or 1)"),),
        problems=(
            (
                "<cell 1>",
                6,
                "eval",
                "can't be seen",
            ),
            (
                "<cell 1>",
                6,
                "exec",
                "can't be seen",
            ),
        ),
    ),
    Refusal(
        "built-in functions of files and keyboards",
        cells=(RT + bot("len(input()) + len(open('x').read())"),),
        problems=(
            (
                "<cell 1>",
                6,
                "input",
                "neither screen nor keyboard",
            ),
            (
                "<cell 1>",
                6,
                "open",
                "no files",
            ),
        ),
    ),
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
    Refusal(
        "a default that was rebound since",
        cells=(
            RT
            + """\
N = 1
def size(x=N):
    return x
N = 2
"""
            + bot("size() + N"),
        ),
        problems=(
            (
                "<cell 1>",
                3,
                "size",
                "defaults of it hold values that were changed since",
            ),
        ),
    ),
    Refusal(
        "a base that was defined again since",
        cells=(
            RT
            + """\
class Base(rt.Strategy):
    step = 1
""",
            bot("self.step", base="Base"),
            """\
class Base(rt.Strategy):
    step = 2
""",
        ),
        problems=(
            (
                "<cell 2>",
                1,
                "Bot",
                "base class of it is not what its source gives",
            ),
        ),
    ),
    Refusal(
        "a class built on an older one of its name",
        cells=(
            RT + bot(),
            """\
class Bot(Bot):
    step = 1
    def on_bar(self, ctx):
        pass
""",
        ),
        problems=(
            (
                "<cell 2>",
                1,
                "Bot",
                "is made from an older Bot; give them two names",
            ),
        ),
    ),
    Refusal(
        "a class in a function, with variables that can't travel",
        cells=(
            RT
            + """\
def make(n):
    data = rt.synthetic_bars(9)
    class Bot(rt.Strategy):
        def on_bar(self, ctx):
            ctx.buy(quantity=len(data))
    return Bot
Bot = make(1)
""",
        ),
        problems=(
            (
                "<cell 1>",
                6,
                "data",
                "is a variable of make and no plain value (DataFrame)",
            ),
        ),
    ),
    Refusal(
        "a class in a function, with a variable that is gone",
        cells=(
            RT
            + """\
def make(n):
    class Bot(rt.Strategy):
        size: int = rt.param(n, ge=1)
        def on_bar(self, ctx):
            pass
    return Bot
Bot = make(1)
""",
        ),
        problems=(
            (
                "<cell 1>",
                4,
                "n",
                "is a variable of make that is gone",
            ),
        ),
    ),
    Refusal(
        "a class in a function that counts outside",
        cells=(
            RT
            + """\
def make():
    n = 0
    class Bot(rt.Strategy):
        def on_bar(self, ctx):
            nonlocal n
            n += 1
    return Bot
Bot = make()
""",
        ),
        problems=(
            (
                "<cell 1>",
                4,
                "Bot",
                "changes a variable of the function",
            ),
        ),
    ),
    Refusal(
        "a class inside another",
        cells=(
            RT
            + """\
class Outer:
    class Bot(rt.Strategy):
        def on_bar(self, ctx):
            pass
Bot = Outer.Bot
""",
        ),
        problems=(
            (
                "",
                0,
                "Outer.Bot",
                "stands inside another class",
            ),
        ),
    ),
    Refusal(
        "a relative import inside a function",
        files={
            "package/__init__.py": "",
            "package/sizes.py": "STEP = 1\n",
            "package/main.py": RT
            + """\

def size():
    from .sizes import STEP
    return STEP
"""
            + bot("size()"),
        },
        problems=(
            (
                "main.py",
                4,
                ".sizes",
                "move it to the top",
            ),
        ),
    ),
    Refusal(
        "an own module as a whole",
        files={
            "helpers.py": "STEP = 1\n",
            "main.py": RT + "import helpers\n" + bot("helpers.STEP"),
        },
        problems=(
            (
                "main.py",
                2,
                "helpers",
                "can't travel as a whole; write `from helpers import ...`",
            ),
        ),
    ),
    Refusal(
        "an own module inside a function",
        files={
            "helpers.py": "STEP = 1\n",
            "main.py": RT
            + """\

def size():
    import helpers
    return 1
"""
            + bot("size()"),
        },
        problems=(
            (
                "main.py",
                4,
                "helpers",
                "the jail has no package helpers",
            ),
        ),
    ),
    Refusal(
        "two things of one name in two modules",
        files={
            "helpers.py": """\
def size():
    return 1

def two():
    return size() + 1
""",
            "main.py": RT
            + """\
def size():
    return 5

from helpers import two
"""
            + bot("size() + two()"),
        },
        problems=(
            (
                "main.py",
                2,
                "size",
                "there is another size in helpers.py; rename one",
            ),
        ),
    ),
    Refusal(
        "a problem in an own module",
        files={
            "helpers.py": """\

def size():
    return len(open('x').read())
""",
            "main.py": RT + "from helpers import size\n" + bot("size()"),
        },
        problems=(
            (
                "helpers.py",
                2,
                "open",
                "no files",
            ),
        ),
    ),
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
