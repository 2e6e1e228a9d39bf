"""What memory and source disagree about, and classes in functions."""

from __future__ import annotations

from .shapes import RT, Refusal, bot

REFUSED_MEMORY = (
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
)
