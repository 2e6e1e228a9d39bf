"""Attempts to escape, as a user's code would make them.

Each is a function that is sent into a jail as source: it stands alone, and returns what it got
hold of. Nothing, or an error, is as it should be. `Probe.weaker` names a stack in which it does
get hold of something, so that a probe that can't succeed is found out by the tests.
"""

from runner.sandbox.probes.probe import Probe

__all__ = ["Probe", "all_probes"]


def all_probes() -> list[Probe]:
    """Every probe, by subject."""
    from runner.sandbox.probes import files

    return [*files.PROBES]
