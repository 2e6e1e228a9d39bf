"""Attempts to escape, as a user's code would make them.

Each is a function that is sent into a jail as source, after what is in `reaching`: it imports what
it needs, and returns what it got hold of. Nothing, or an error, is as it should be. Every attempt
is harmless where it succeeds: it takes back what it has made, and where success would change the
machine it passes arguments that the kernel turns down, which proves that they got there.
`Probe.weaker` names a stack in which it does succeed, so that a probe that can't is found out by
the tests.
"""

from runner.sandbox.probes.probe import Probe, Weaker, shared_source

__all__ = ["Probe", "Weaker", "all_probes", "shared_source"]


def all_probes() -> list[Probe]:
    """Every probe for this machine, by subject."""
    from runner.sandbox.probes import files, kernel, memory, network, processes, secrets

    subjects = (files, secrets, processes, network, memory, kernel)
    return [probe for subject in subjects for probe in subject.PROBES if probe.is_for_this_machine]
