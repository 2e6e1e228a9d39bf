"""User code that dies, hangs, swallows all there is or changes what it runs in."""

from __future__ import annotations

import gc

import pytest

from runner.sandbox.outcome import Outcome
from tests.runner.sandbox.attackers import (
    PATIENT,
    Attack,
    assert_still_serves,
    bundle,
    decide,
    hurried,
)
from tests.runner.sandbox.jails import Prison

DIED = (Outcome.DIED,)
RAISED = (Outcome.RAISED,)
DECIDED = (Outcome.DECIDED,)
OVERWORKED = (Outcome.OVERWORKED,)
OUT_OF_MEMORY = (Outcome.OUT_OF_MEMORY,)
QUICK = hurried(cpu_seconds=0.3)

DEATHS = [
    Attack("closes its socket", "os.close(3)", DIED),
    Attack("closes all it has", "os.closerange(0, 100)", DIED),
    Attack("keeps a copy of its socket", "os.dup(3); os.close(3)", DIED, "it exited with 1"),
    Attack("exits", "sys.exit(0)", DIED, "it exited with 1"),
    Attack("exits at once", "os._exit(0)", DIED, "it exited with 0"),
    Attack("exits with a number", "os._exit(77)", DIED, "it exited with 77"),
    Attack("is interrupted", "raise KeyboardInterrupt", DIED, "it exited with 1"),
    Attack("raises what nobody catches", "raise GeneratorExit", DIED, "it exited with 1"),
    Attack("says that the other side has gone", "raise SystemExit(EOFError())", DIED),
    Attack("reads nothing", "import ctypes; ctypes.string_at(0)", DIED, "SIGSEGV"),
    Attack("aborts", "os.abort()", DIED),
    Attack(
        "has a stack without end",
        "sys.setrecursionlimit(10**9)\nrepr(Deeper())",
        DIED,
        "SIGSEGV",
        above="class Deeper:\n    def __repr__(self): return repr([self])",
    ),
    Attack("makes a forbidden call", "import ctypes; ctypes.CDLL(None).unshare(0)", DIED, "call"),
    Attack(
        "overwrites its own memory",
        "import ctypes; ctypes.memset(id(None), 255, 64); ctypes.memset(id(int), 255, 400)",
        DIED,
    ),
]

ERRORS = [
    Attack("raises", "raise ValueError('no')", RAISED, "ValueError: no"),
    Attack("recurses", "def deeper(): deeper()\ndeeper()", RAISED, "RecursionError"),
    Attack("raises an error that can't be told", "raise Untold", RAISED, above="""
        class Untold(Exception):
            def __str__(self):
                raise ValueError("not even that")
    """),
    Attack("raises a very long error", "raise ValueError('x' * 100_000)", RAISED, "xxx"),
    Attack("raises what would clear a screen", "raise ValueError('\\x1b[2J')", RAISED, "�[2J"),
    Attack("stops itself", "import signal; os.kill(os.getpid(), signal.SIGSTOP)", RAISED, "Perm"),
    Attack("sets off an alarm", "import signal; signal.alarm(1)", (*RAISED, *DECIDED)),
    Attack("forks", "os.fork()", RAISED, "PermissionError"),
    Attack("has more orders than may be", "for _ in range(101): ctx.buy(quantity=1)",
           (Outcome.FLOODED,), "101 orders"),
    Attack("keeps 2 MB", "self.kept = bytes(2_000_000)", (Outcome.UNKEPT,), "1,000,000 at most"),
    Attack("keeps a function", "self.kept = lambda: 1", (Outcome.UNKEPT,), "self.kept"),
    Attack("keeps an open socket", "self.kept = open(3, 'rb', closefd=False)",
           (Outcome.UNKEPT,), "self.kept"),
    Attack("keeps what can't be stored", "self.kept = Kept()", (Outcome.UNKEPT,), "self.kept",
           above="""
        class Kept:
            def __reduce__(self):
                raise OSError("no")
    """),
]  # fmt: skip

OVERUSE = [
    Attack("loops in Python", "while True: pass", OVERWORKED, limits=QUICK),
    Attack("loops and catches all", """
        while True:
            try:
                while True: pass
            except BaseException: pass
    """, OVERWORKED, limits=QUICK),
    Attack("loops in C", "sum(range(10**12))", OVERWORKED, limits=QUICK),
    Attack("loops in a pattern", "import re; re.match('(a+)+b', 'a' * 60)", OVERWORKED,
           limits=QUICK),
    Attack("loops in compiled code", "loop()", OVERWORKED, limits=QUICK, above="""
        import numba


        @numba.njit(error_model="numpy")
        def spin(n):
            x = 0
            while n:
                x += n
            return x


        spin(0)
        loop = lambda: spin(1)
    """),
    Attack("loops in its state", "self.kept = Kept()", OVERWORKED, limits=QUICK, above="""
        class Kept:
            def __reduce__(self):
                while True: pass
    """),
    Attack("loops where it is deleted", "Kept()", OVERWORKED, limits=QUICK, above="""
        class Kept:
            def __del__(self):
                while True: pass
    """),
    Attack("computes a power", "9**9**9", (*OVERWORKED, *OUT_OF_MEMORY), limits=QUICK),
    Attack("sleeps", "import time; time.sleep(600)", (Outcome.TIMED_OUT,),
           limits=hurried(wall_seconds=0.5)),
    Attack("waits for its own answer", "os.read(3, 1)", (Outcome.TIMED_OUT,),
           limits=hurried(wall_seconds=0.5)),
    Attack("grows a list", "kept = [0]\nwhile True: kept += kept", OUT_OF_MEMORY),
    Attack("grows a text", "kept = 'x'\nwhile True: kept += kept", OUT_OF_MEMORY),
    Attack("wants 10 GB", "import numpy as np; np.ones(10 << 27)", OUT_OF_MEMORY),
    Attack("wants it in small pieces", "kept = []\nwhile True: kept.append(bytearray(4_000))",
           OUT_OF_MEMORY),
    Attack("catches that it has no more", """
        kept = []
        while True:
            try:
                while True: kept.append(bytearray(1 << 20))
            except MemoryError: pass
    """, OVERWORKED, limits=QUICK),
]  # fmt: skip

CHANGES = [
    Attack("prints without end", "for n in range(100_000): print(n)", DECIDED),
    Attack("prints one long line", "print('x' * 10_000_000)", DECIDED),
    Attack("prints what would clear a screen", "print('\\x1b[2J\\a\\0\\u202e')", DECIDED),
    Attack("has no output", "sys.stdout = None; print('x')", DECIDED),
    Attack("replaces its output", "sys.stdout = sys.stderr = 7", DECIDED),
    Attack("replaces what is built in", """
        import builtins
        for name in ("len", "isinstance", "str", "bytes", "print", "type"):
            setattr(builtins, name, None)
    """, (*DIED, *RAISED, *DECIDED, Outcome.UNKEPT)),
    Attack("replaces json", "import json; json.loads = json.dumps = None", DECIDED),
    Attack("replaces writing", "os.write = lambda fd, data: len(data)", (Outcome.TIMED_OUT,),
           limits=hurried(wall_seconds=0.5)),
    Attack("writes nothing", "os.write = lambda fd, data: 0", OVERWORKED, limits=QUICK),
    Attack("writes twice", "real = os.write; os.write = lambda fd, data: real(fd, bytes(data) * 2)",
           (Outcome.LIED,)),
    Attack("replaces the wire", """
        import runner.sandbox.channel as channel
        channel.frames_of = lambda message, *blobs: frame(b"\\xc1")
    """, (Outcome.LIED,)),
    Attack("takes its caps away", """
        frame = sys._getframe()
        while not hasattr(frame.f_locals.get("self"), "_caps"):
            frame = frame.f_back
        import msgspec
        caps = frame.f_locals["self"]._caps
        frame.f_locals["self"]._caps = msgspec.structs.replace(caps, intents=10**6)
        frame.f_back.f_locals["self"] = None
        for _ in range(150):
            ctx.buy(quantity=1)
    """, (Outcome.LIED, Outcome.FLOODED), "150 orders"),
    Attack("leaves things for later", """
        import atexit, weakref
        atexit.register(lambda: write(b"x" * 9))
        weakref.finalize(self, lambda: None)
    """, DECIDED),
    Attack("stops the collector", "import gc; gc.disable(); gc.set_threshold(0)", DECIDED),
    Attack("jails itself again", """
        from runner.sandbox import hardening, zygote
        zygote._fork_bots(None, None, None)
    """, RAISED),
    Attack("hardens itself once more", """
        from runner.sandbox.hardening import Tools, harden
        from runner.sandbox.stack import Stack
        harden(Tools(Stack(), None, None), 0, {})
    """, RAISED, "PermissionError"),
    Attack("deletes all modules", "sys.modules.clear()", (*DECIDED, *RAISED, Outcome.UNKEPT)),
    Attack("traces all calls", "sys.settrace(lambda *a: 1 / 0)", (*DIED, *RAISED, *DECIDED)),
]  # fmt: skip


@pytest.mark.parametrize(
    "attack",
    [pytest.param(a, id=a.name) for a in (*DEATHS, *ERRORS, *OVERUSE, *CHANGES)],
)
def test_what_a_bot_does_ends_in_a_typed_outcome(prison: Prison, attack: Attack) -> None:
    (decision,) = decide(prison, attack.bundle, limits=attack.limits)
    assert decision.outcome in attack.outcomes, decision.reason
    assert attack.reason in decision.reason
    assert len(decision.reason) <= 500
    assert decision.reason.isprintable()
    assert len(decision.logs) <= PATIENT.log_lines + 1
    assert all(len(line) <= PATIENT.log_characters for line in decision.logs)
    assert all(line.isprintable() for line in decision.logs)
    assert_still_serves(prison)


@pytest.mark.parametrize(
    ("above", "outcomes"),
    [
        ("raise KeyboardInterrupt", DIED),
        ("raise ValueError('no')", RAISED),
        ("os._exit(0)", DIED),
        ("write(message('Ready', params={}) * 2)", (Outcome.LIED,)),
        ("write(answer(1))", (Outcome.LIED,)),
        ("kept = [0]\nwhile True: kept += kept", OUT_OF_MEMORY),
        ("while True: pass", OVERWORKED),
        ("import time; time.sleep(60)", (Outcome.TIMED_OUT,)),
        ("import no_such_package", RAISED),
    ],
)
def test_what_a_bot_does_while_it_is_loaded_ends_in_a_typed_outcome(
    prison: Prison, above: str, outcomes: tuple[Outcome, ...]
) -> None:
    is_endless = outcomes in (OVERWORKED, (Outcome.TIMED_OUT,))
    limits = hurried(start_seconds=0.5) if is_endless else PATIENT
    if outcomes == OVERWORKED:  # wall and CPU time are one at the start: whichever is seen first
        outcomes = (Outcome.OVERWORKED, Outcome.TIMED_OUT)
    (decision,) = decide(prison, bundle("pass", above=above), limits=limits)
    assert decision.outcome in outcomes, decision.reason
    assert_still_serves(prison)


def test_three_strikes_pause_a_bot_with_the_reason(prison: Prison) -> None:
    decisions = decide(prison, bundle("os._exit(5)"), questions=5)
    outcomes = [decision.outcome for decision in decisions]
    assert outcomes == [Outcome.DIED] * 3 + [Outcome.PAUSED] * 2
    assert "it exited with 5" in decisions[2].pause_reason
    assert_still_serves(prison)


def test_a_bot_finds_nothing_of_another_in_its_memory(prison: Prison) -> None:
    secret = f"secret-{id(prison)}-{gc.get_count()}"
    found = f"""
    import gc
    gc.unfreeze()
    secret = {secret[:9]!r} + {secret[9:]!r}
    planted = ["its own " + secret]
    found = set()
    for held in gc.get_objects():
        for value in gc.get_referents(held):
            for text in value.values() if type(value) is dict else [value]:
                if type(text) is str and secret in text and text != secret:
                    found.add(text)
    print(found)
    """
    keeper = bundle(f"self.kept = {secret!r}")

    (kept,) = decide(prison, keeper)
    assert secret.encode() in kept.state
    (decision,) = decide(prison, bundle(found))
    assert decision.is_decided, decision.reason
    assert decision.logs == (str({f"its own {secret}"}),)


def test_bots_do_not_share_their_random_numbers(prison: Prison) -> None:
    code = bundle("import random, numpy; print(random.random(), numpy.random.random())")
    drawn = {decide(prison, code)[0].logs for _ in range(3)}
    assert len(drawn) == 3
