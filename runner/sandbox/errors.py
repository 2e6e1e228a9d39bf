"""What can go wrong with the jail.

RunnerError
└── SandboxError
    ├── JailRefusedError    this host can't give the level that is asked for
    ├── JailBrokenError     the zygote does not start, or has died
    ├── StrategyRefusedError    a bundle or its parameters make no strategy
    ├── StateError          what a strategy keeps between bars can't be kept
    └── WireError           what came over a socket is not what was agreed
"""

from __future__ import annotations

from runner.errors import RunnerError


class SandboxError(RunnerError):
    """The root of what can go wrong with the jail."""


class JailRefusedError(SandboxError):
    """This host can't give the level that is asked for, so no user code runs here."""


class JailBrokenError(SandboxError):
    """The zygote does not start, or has died."""


class StrategyRefusedError(SandboxError):
    """A bundle or its parameters make no strategy; the message is for who wrote it."""


class StateError(SandboxError):
    """What a strategy keeps between bars can't be kept, or is too much."""


class WireError(SandboxError):
    """What came over a socket is not what was agreed."""
