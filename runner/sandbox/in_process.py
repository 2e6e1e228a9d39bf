"""The same decisions without a jail: for tests, and for library strategies in development.

It takes a strategy that exists already, so no text of a user's ever becomes code here: bundles are
loaded in jailed processes alone.
"""

from __future__ import annotations

import contextlib
from collections.abc import Mapping

import pandas as pd

from robotrader_sdk.cli.catalogs import installed_strategies, load_entry
from robotrader_sdk.deploy.bundle import Bundle, library_source_hash
from robotrader_sdk.strategy.parametric import Parametric
from robotrader_sdk.types import Timeframe
from runner.sandbox.answering import answer_to
from runner.sandbox.asking import asker_of
from runner.sandbox.errors import SandboxError
from runner.sandbox.history import History
from runner.sandbox.logs import Logs
from runner.sandbox.outcome import KINDS, Decision, Outcome, Strikes
from runner.sandbox.outgoing import Outgoing
from runner.sandbox.settings import BotLimits
from runner.sandbox.wire import Account, Answer, Ask, Caps, MarketTerms


def known_strategy(bundle: Bundle, source_hash: str) -> type[Parametric]:
    """The class of a library strategy, known by its name and the hash of its source.

    SandboxError for everything else: a user's own code, a subclass of a library strategy, a
    strategy whose source is not the one that was meant. That goes into a jail.
    """
    name = bundle.library
    if name is None:
        raise SandboxError(f"{bundle.name} is user code, which runs in a jail and nowhere else")
    entries = installed_strategies()
    entry = entries.get(bundle.name)
    loaded = None if entry is None else load_entry(bundle.name, entry)
    if loaded is None or f"{loaded.__module__}.{loaded.__qualname__}" != name:
        raise SandboxError(f"{name} is in no installed catalog of strategies")
    found = library_source_hash(name)
    if found != source_hash:
        raise SandboxError(
            f"the source of {name} is not the one that was meant: its hash is {found}, and "
            f"{source_hash} was given; deploy it again"
        )
    return loaded


class InProcess:
    """A strategy asked in this process; its face is that of `BotProcess`.

    Nothing limits its time and memory.
    """

    def __init__(
        self,
        strategy: Parametric,
        state: bytes = b"",
        *,
        markets: tuple[MarketTerms, ...],
        timeframe: Timeframe,
        limits: BotLimits | None = None,
        strikes: Strikes | None = None,
    ) -> None:
        limits = limits or BotLimits()
        self.state, self.strikes = state, strikes or Strikes()
        self._caps = Caps.of(limits)
        self._asker = asker_of(strategy, markets, timeframe, limits.state_bytes)
        self._histories = {market.symbol: History(market.columns) for market in markets}
        self._outgoing = {m.symbol: Outgoing(m.symbol, m.columns) for m in markets}
        self._logs = Logs(limits.log_lines, limits.log_characters)

    async def decide(
        self,
        bars: Mapping[str, pd.DataFrame],
        account: Account,
        deadline: float | None = None,  # noqa: ARG002 - nobody can be interrupted here
    ) -> Decision:
        """See `BotProcess.decide`."""
        if self.strikes.pause_reason:
            return Decision(Outcome.PAUSED, self.state).paused(self.strikes.pause_reason)
        for symbol, history in self._histories.items():
            if symbol in bars:
                for data in self._outgoing[symbol].unsent(bars[symbol]):
                    history.extend(data)
        with_bars = {symbol: h for symbol, h in self._histories.items() if len(h)}
        with contextlib.redirect_stdout(self._logs), contextlib.redirect_stderr(self._logs):
            message, self.state = answer_to(
                Ask(0, account), self._asker, with_bars, self.state, self._caps, self._logs
            )
        logs = tuple(message.logs)
        if isinstance(message, Answer):
            decision = Decision(Outcome.DECIDED, self.state, tuple(message.intents), logs)
        else:
            outcome = KINDS[message.kind]
            decision = Decision(outcome, self.state, logs=logs, reason=message.message)
        return decision.paused(self.strikes.count(decision.reason))

    async def kill(self) -> None:
        """Nothing is to be ended."""
