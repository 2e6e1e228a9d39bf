"""Data, live objects and modules that can't travel."""

from __future__ import annotations

from .shapes import RT, Refusal, bot

REFUSED_DATA = (
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
)
