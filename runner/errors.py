"""What can go wrong in the runner.

Every error says what was wrong, what was expected and what to do about it.

    RunnerError
    └── TestnetError        the local exchange can't be set up as it was asked to
        └── RefusedError    it refuses what a client asked; a venue has its own words for that
"""

from __future__ import annotations


class RunnerError(Exception):
    """The root of all errors of the runner."""


class TestnetError(RunnerError):
    """The local exchange can't be set up as it was asked to."""

    __test__ = False
    """Pytest is not to take it for a test by its name."""
