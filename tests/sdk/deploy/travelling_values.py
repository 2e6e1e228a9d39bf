"""Values and names that travel."""

from __future__ import annotations

from .shapes import RT, Shape, bot

TRAVELLING_VALUES = (
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
        "generators of one's own",
        cells=(
            RT
            + """\
import random
import numpy as np
from datetime import datetime, timezone

def draw(random):
    return random.random()
"""
            + bot(
                "1.0 + draw(self.own) + self.more.random() + ctx.rng.random()",
                """\
    since = datetime(2020, 1, 1, tzinfo=timezone.utc)

    def init(self, bars):
        self.own = random.Random(self.seed)
        self.more = np.random.default_rng(self.seed)
""",
            ),
        ),
    ),
)
