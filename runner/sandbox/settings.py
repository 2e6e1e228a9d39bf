"""How much a bot may use, and what the zygote has ready."""

from __future__ import annotations

from dataclasses import dataclass

PRELOADED = (
    "numpy",
    "pandas",
    "talib",
    "ta",
    "numba",
    "scipy.linalg.cython_blas",  # numba's compiler loads it
    "robotrader_sdk.indicators",
    "robotrader_sdk.backtest.portfolio.loop",
    "strategies.*",
)
"""What strategies use; `.*`: a package and all its modules."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BotLimits:
    """What one decision may take.

    wall_seconds: from the question to the answer. cpu_seconds: of the process, for one question.
    start_seconds: to load the bundle. memory_bytes: beyond what the zygote has. intents, log_lines,
    log_characters (of a line), state_bytes: of one answer.
    """

    wall_seconds: float = 10.0
    cpu_seconds: float = 2.0
    start_seconds: float = 10.0
    memory_bytes: int = 256 << 20
    intents: int = 100
    log_lines: int = 50
    log_characters: int = 500
    state_bytes: int = 1_000_000

    def __post_init__(self) -> None:
        for name in self.__slots__:
            if getattr(self, name) <= 0:
                raise ValueError(f"{name} must be above 0, got {getattr(self, name)!r}")


@dataclass(frozen=True, slots=True, kw_only=True)
class JailSettings:
    """What a jail is made like.

    accepts_min: user code runs where only the level "min" can be had; else "full" is needed.
    preloaded: modules that bots share; what is not installed is left out. first_user: the lowest
    of the user ids that bots get where the runner is root; nobody else may have them. n_users: how
    many there are, and so how many bots at once.
    """

    limits: BotLimits = BotLimits()
    accepts_min: bool = False
    preloaded: tuple[str, ...] = PRELOADED
    first_user: int = 600_000
    n_users: int = 50_000
