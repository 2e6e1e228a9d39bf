"""What a bot's process does once it is jailed: load a bundle, take in bars, answer questions."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Sequence

from robotrader_sdk.deploy.bundle import CheckedCode, load_bundle
from robotrader_sdk.strategy.parametric import Parametric
from robotrader_sdk.types import Timeframe
from runner.sandbox.answering import answer_to, failed, unsent
from runner.sandbox.asking import Asker, asker_of
from runner.sandbox.channel import UNSENDABLE, Channel
from runner.sandbox.errors import WireError
from runner.sandbox.history import History
from runner.sandbox.logs import Logs
from runner.sandbox.wire import Answer, Ask, Bars, Ready, Start


def serve(descriptor: int) -> None:
    """Serve one bot over its socket until the other side goes."""
    channel = Channel(descriptor)
    start = channel.receive()
    if not isinstance(start, Start):
        raise WireError("a bot is told what it is first")
    logs = Logs(start.caps.log_lines, start.caps.log_characters)
    sys.stdout = sys.stderr = logs
    _reseed()
    code = channel.receive_bytes(start.code_bytes)
    state = channel.receive_bytes(start.state_bytes)
    try:
        strategy = _load(start, code)
        asker, ready = _asker_of(strategy, start), Ready(strategy.params)
    except Exception as error:  # noqa: BLE001 - loading runs whatever a user wrote
        channel.send(failed(0, error, logs))
        return
    try:
        channel.send(ready)
    except UNSENDABLE as error:
        channel.send(unsent(0, "its parameters", error, logs.take()))
        return
    Bot(channel, start, asker, state, logs).serve()


class Bot:
    """A loaded strategy, its bars and its state."""

    def __init__(
        self, channel: Channel, start: Start, asker: Asker, state: bytes, logs: Logs
    ) -> None:
        self._channel, self._caps, self._asker = channel, start.caps, asker
        self._state, self._logs = state, logs
        self._symbols = [market.symbol for market in start.markets]
        self._histories = [History(market.columns) for market in start.markets]

    def serve(self) -> None:
        """Take in bars and answer questions, for ever."""
        while True:
            message = self._channel.receive()
            if isinstance(message, Bars):
                self._histories[message.market].extend(message.data)
            elif isinstance(message, Ask):
                self._answer(message)
            else:
                raise WireError("a bot is told what it is once")

    def _answer(self, question: Ask) -> None:
        bars = {
            symbol: history
            for symbol, history in zip(self._symbols, self._histories, strict=True)
            if len(history)
        }
        message, state = answer_to(question, self._asker, bars, self._state, self._caps, self._logs)
        try:
            self._channel.send(message, state if isinstance(message, Answer) else b"")
        except UNSENDABLE as error:
            self._channel.send(unsent(question.sequence, "its answer", error, message.logs))
        else:
            self._state = state


def _load(start: Start, code: bytes) -> Parametric:
    name, _, source = code.decode().partition("\n")
    loaded = load_bundle(CheckedCode(name, source, start.digest))
    if start.params_are_checked:
        return loaded.with_valid(start.params)
    return loaded(**start.params)


def _asker_of(strategy: Parametric, start: Start) -> Asker:
    timeframe = Timeframe(start.timeframe)
    return asker_of(strategy, start.markets, timeframe, start.caps.state_bytes)


def _reseed() -> None:
    """Let no two bots draw the same random numbers, which forks of one process would."""
    random.seed(int.from_bytes(os.urandom(8)))
    numpy = sys.modules.get("numpy")
    if numpy is not None:
        numpy.random.seed(int.from_bytes(os.urandom(4)))


def run(descriptor: int, silent: Sequence[type[BaseException]] = (EOFError,)) -> None:
    """`serve`, and end the process: 0 when the other side has gone, 1 for anything else."""
    try:
        serve(descriptor)
    except tuple(silent):
        os._exit(0)
    except BaseException:  # noqa: BLE001 - nothing of a bot's process lives on
        os._exit(1)
    os._exit(0)
