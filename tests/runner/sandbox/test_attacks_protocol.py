"""Bots that write to their socket themselves: whatever they say ends in a typed outcome."""

from __future__ import annotations

import pickle
import pickletools

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

LIED = (Outcome.LIED,)
HUNG = (Outcome.TIMED_OUT,)
SLEEP = "import time; time.sleep(600)"

ATTACKS = [
    Attack("a frame that is too long", "write(frame(bytes(70_000)))", LIED, "a frame of 70000"),
    Attack("a length of 0", "write(bytes(4))", LIED, "a frame of 0 bytes"),
    Attack("the largest length", "write(b'\\xff' * 4)", LIED, "a frame of 4294967295"),
    Attack("garbage", "write(os.urandom(3) + b'\\xff' * 5_000)", LIED, "a frame of"),
    Attack("garbage in a frame", "write(frame(b'\\xc1' * 100))", LIED, "not a message"),
    Attack("an empty map", "write(frame(b'\\x80'))", LIED, "not a message"),
    Attack("text", "write(frame(b'GET / HTTP/1.1'))", LIED, "not a message"),
    Attack("arrays in arrays", "write(frame(b'\\x91' * 65_000))", LIED, "not a message"),
    Attack("maps in maps", "write(frame(b'\\x81\\xa1a' * 21_000))", LIED, "not a message"),
    Attack(
        "a field of arrays in arrays",
        "write(frame(b'\\x82\\xa1@\\xa6Answer\\xa7intents' + b'\\x91' * 60_000))",
        LIED,
        "not a message",
    ),
    Attack("an array that says it is huge", "write(frame(b'\\xdd\\xff\\xff\\xff\\xff'))", LIED),
    Attack("wrong types", "write(answer('one'))", LIED, "not a message"),
    Attack("intents that are text", "write(answer(intents=['buy']))", LIED, "not a message"),
    Attack("no fields", "write(message('Answer'))", LIED, "not a message"),
    Attack(
        "an unknown field",
        "write(message('Answer', sequence=sequence(), intents=[], logs=[], state_bytes=0, x=1))",
        LIED,
        "not a message",
    ),
    Attack("an unknown message", "write(message('Oops'))", LIED, "not a message"),
    Attack(
        "a message of the other side",
        "write(message('Bars', market=0, data=b'x'))",
        LIED,
        "not a message",
    ),
    Attack("another sequence number", "write(answer(7))", LIED, "another question"),
    Attack("the next number", "write(answer(sequence() + (1 << 40)))", LIED, "another question"),
    Attack("a negative number", "write(answer(-1))", LIED, "another question"),
    Attack("a number that is not whole", "write(answer(sequence() + 0.5))", LIED, "not a message"),
    Attack("ready once more", "write(message('Ready', params={}))", LIED, "not asked"),
    Attack(
        "a failure of an unknown kind",
        "write(message('Failed', sequence=sequence(), kind='x', message='', logs=[]))\n" + SLEEP,
        LIED,
    ),
    Attack("an answer twice", "write(answer() * 2)", LIED, "went on after its answer"),
    Attack(
        "an answer and half of another",
        "write(answer() + answer()[:9])",
        LIED,
        "went on after its answer",
    ),
    Attack(
        "an order for another's symbol",
        "write(answer(intents=[place('ETH/USDT')]))",
        LIED,
        "not its symbol",
    ),
    Attack("no size at all", "write(answer(intents=[place(size=None)]))", LIED, "not a message"),
    Attack(
        "an endless size", "write(answer(intents=[place(size=float('inf'))]))", LIED, "size is inf"
    ),
    Attack(
        "an endless price",
        "write(answer(intents=[place(limit_price=float('-inf'))]))",
        LIED,
        "limit_price is -inf",
    ),
    Attack("a huge number", "write(answer(intents=[place(number=1 << 60)]))", LIED, "number is"),
    Attack("order 0", "write(answer(intents=[place(number=0)]))", LIED, "number is 0"),
    Attack("a number past 64 bits", "write(answer(intents=[place(number=2.0**70)]))", LIED),
    Attack("an unknown side", "write(answer(intents=[place(side=3)]))", LIED, "not a message"),
    Attack("an order of protection", "write(answer(intents=[place(purpose=2)]))", LIED),
    Attack(
        "weights of nothing",
        "write(answer(intents=[{'@': 'TargetWeights', 'weights': {'BTC/USDT': float('nan')}}]))",
        LIED,
        "weights",
    ),
    Attack("more orders than may be", "write(answer(intents=[place()] * 120))", LIED, "120 orders"),
    Attack("a state of 2 MB", "write(answer(state_bytes=2_000_000))", LIED, "a state of 2000000"),
    Attack("a state of less than nothing", "write(answer(state_bytes=-1))", LIED, "a state of -1"),
    Attack(
        "a longer state than it said",
        "write(answer(state_bytes=10) + frame(bytes(11)))",
        LIED,
        "another length",
    ),
    Attack(
        "a state in many small frames",
        "write(answer(state_bytes=1_000) + frame(b'x') * 1_000)",
        LIED,
        "another length",
    ),
    Attack("a state and more", "write(answer(state_bytes=1) + frame(b'x') * 2)", LIED, "went on"),
    Attack(
        "a state that never ends",
        "write(answer(state_bytes=1_000_000))\nwhile True: write(frame(bytes(65_536)))",
        LIED,
    ),
    Attack(
        "a flood of answers", "reply = answer()\nwhile True: write(reply * 100)", LIED, "went on"
    ),
    Attack("a flood of nothing", "while True: os.write(3, bytes(65_536))", LIED, "a frame of 0"),
    Attack("half a length", f"write(b'\\x01')\n{SLEEP}", HUNG, limits=hurried(wall_seconds=1)),
    Attack("half a frame", f"write(answer()[:-3])\n{SLEEP}", HUNG, limits=hurried(wall_seconds=1)),
    Attack(
        "a state that does not come",
        f"write(answer(state_bytes=9))\n{SLEEP}",
        HUNG,
        limits=hurried(wall_seconds=1),
    ),
    Attack(
        "drops",
        "import time\nfor byte in answer(): os.write(3, bytes([byte])); time.sleep(0.1)",
        HUNG,
        limits=hurried(wall_seconds=1),
    ),
]


@pytest.mark.parametrize("attack", [pytest.param(a, id=a.name) for a in ATTACKS])
def test_what_a_bot_says_is_believed_only_if_it_fits(prison: Prison, attack: Attack) -> None:
    (decision,) = decide(prison, attack.bundle, limits=attack.limits)
    assert decision.outcome in attack.outcomes, decision.reason
    assert attack.reason in decision.reason
    assert decision.intents == ()
    assert decision.state == b""
    assert_still_serves(prison)


WRITES_AHEAD = """
import runner.sandbox.channel as channel

send = channel.Channel.send


def send_more(self, message, *blobs):
    send(self, message, *blobs)
    if hasattr(message, "sequence"):
        for ahead in GUESSES(message.sequence):
            write(answer(ahead, [place(size=999.0)]))


channel.Channel.send = send_more
"""


@pytest.mark.parametrize(
    "guesses",
    ["[number + 1]", "[number + (1 << 40)]", "[(number >> 40) + 1 << 40]", "range(number, 9)"],
)
def test_an_answer_written_ahead_of_its_bar_is_not_taken(prison: Prison, guesses: str) -> None:
    above = f"{WRITES_AHEAD}\nGUESSES = lambda number: {guesses}"
    wrote = guesses != "range(number, 9)"  # which is empty: the patch alone does no harm
    decisions = decide(prison, bundle("pass", above=above), questions=3)
    assert not any(decision.intents for decision in decisions)
    assert any(decision.outcome is Outcome.LIED for decision in decisions) is wrote
    assert_still_serves(prison)


def test_a_number_of_nothing_rejects_the_order_later_and_is_let_through(prison: Prison) -> None:
    on_bar = "write(answer(intents=[place(size=float('nan'))]))\nos._exit(0)"
    (decision,) = decide(prison, bundle(on_bar))
    assert decision.is_decided
    assert len(decision.intents) == 1


def test_log_lines_of_a_liar_are_cut_and_made_printable(prison: Prison) -> None:
    on_bar = """
    lines = ["\\x1b[2J\\r\\n\\0\\u202e" + "x" * 50] * 700 + ["y" * 9_000]
    write(answer(logs=lines[::-1]))
    os._exit(0)
    """
    (decision,) = decide(prison, bundle(on_bar))
    assert decision.is_decided
    assert len(decision.logs) == PATIENT.log_lines + 1
    assert max(map(len, decision.logs)) == PATIENT.log_characters
    assert all(line.isprintable() for line in decision.logs)


def test_a_pickle_bomb_goes_off_in_the_jail_alone(
    prison: Prison, monkeypatch: pytest.MonkeyPatch
) -> None:
    above = """
    import builtins


    class Bomb:
        def __reduce__(self):
            return (exec, ("import builtins; builtins.boom = True; raise SystemExit(3)",))
    """
    code = bundle("self.bomb = Bomb()", above=above)
    for name in ("load", "loads", "Unpickler", "_Unpickler"):
        monkeypatch.delattr(pickle, name)  # whoever opens it here fails
    (armed,) = decide(prison, code)
    assert armed.is_decided
    assert b"boom" in armed.state
    assert any(opcode.name == "REDUCE" for opcode, _, _ in pickletools.genops(armed.state))
    (exploded,) = decide(prison, code, state=armed.state)
    assert exploded.outcome is Outcome.DIED
    assert exploded.reason == "it exited with 1"
    assert exploded.state == armed.state
    monkeypatch.undo()
    assert_still_serves(prison)
