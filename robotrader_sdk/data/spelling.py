"""What was probably meant by a name that does not exist."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def did_you_mean(name: object, known: Iterable[object]) -> str:
    """` (did you mean 'close'?)` if a known name is spelled alike, in any case; else nothing."""
    spelled = {str(candidate).casefold(): candidate for candidate in known}
    close = difflib.get_close_matches(str(name).casefold(), spelled, n=1)
    return f" (did you mean {spelled[close[0]]!r}?)" if close else ""
