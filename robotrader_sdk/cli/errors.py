"""What can go wrong on the command line alone.

RobotraderError
└── CommandError    a command that can't be carried out as it was written
"""

from __future__ import annotations

from robotrader_sdk.errors import RobotraderError


class CommandError(RobotraderError):
    """A command that can't be carried out as it was written."""
