"""Which layers a jail is made of, and how good that is."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from enum import Enum


class Level(Enum):
    """How good a jail is; `user code runs at FULL, or at MIN where the operator enabled it."""

    NONE = "none"
    MIN = "min"
    FULL = "full"


@dataclass(frozen=True, slots=True, kw_only=True)
class Stack:
    """Layers, each of which stops some attacks by itself; they overlap on purpose.

    namespaces: no processes, network, mounts, host name but the jail's own, and a root of a few
    read-only folders. user_namespace: by an ordinary user's means. own_user: each bot has a user
    id to itself, which takes root. landlock: files. seccomp: system calls. limits: memory,
    processes, descriptors.
    """

    namespaces: bool = True
    user_namespace: bool = False
    own_user: bool = False
    landlock: bool = True
    seccomp: bool = True
    limits: bool = True

    @property
    def level(self) -> Level:
        """What these layers amount to where all of them work."""
        if not (self.landlock and self.seccomp and self.limits):
            return Level.NONE
        return Level.FULL if self.namespaces else Level.MIN

    def to_dict(self) -> dict[str, bool]:
        """For the zygote's command line."""
        return asdict(self)


def stacks_to_try() -> list[Stack]:
    """The stacks for whoever runs this, the best first."""
    is_root = os.geteuid() == 0
    return [
        Stack(user_namespace=not is_root, own_user=is_root),
        Stack(namespaces=False, own_user=is_root),
    ]
