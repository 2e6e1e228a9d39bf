"""Taking keys, secrets and signatures out of what is logged or told.

Ccxt logs headers and signed bodies at DEBUG, and the texts of its errors hold signed URLs.
"""

from __future__ import annotations

import logging
import re
from typing import Final
from urllib.parse import quote

HIDDEN: Final = "***"
_SHORTEST = 6
"""A shorter word would take harmless text with it."""

_hidden: dict[str, int] = {}

_NAMES = (
    r"signature|sign|x-bapi-sign|x-mbx-apikey|x-bapi-api-key|api-key|api-sign|api_key|apikey|"
    r"ok-access-(?:key|sign|passphrase)|cb-access-(?:key|sign)|authorization|secret|passphrase"
)
_NAMED: Final = re.compile(
    rf"(?i)(?P<name>\b(?:{_NAMES})\b['\"]?\s*[=:]\s*)(?P<value>'[^']*'|\"[^\"]*\"|[^\s&,;}})\]]+)"
)


def hide(*secrets: str) -> None:
    """Have these words taken out of all that is scrubbed, until they are forgotten."""
    for secret in secrets:
        if len(secret) >= _SHORTEST:
            _hidden[secret] = _hidden.get(secret, 0) + 1


def forget(*secrets: str) -> None:
    """Take back what `hide` was told, as often as it was told."""
    for secret in secrets:
        left = _hidden.pop(secret, 0) - 1
        if left > 0:
            _hidden[secret] = left


def scrub(text: str) -> str:
    """A text without keys, secrets and signatures."""
    for secret in sorted(_hidden, key=len, reverse=True):
        text = text.replace(secret, HIDDEN).replace(quote(secret, safe=""), HIDDEN)
    return _NAMED.sub(lambda found: found["name"] + HIDDEN, text)


class ScrubbingFilter(logging.Filter):
    """Scrubs what passes through a logger."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Keep every record, scrubbed; what was raised is told by its kind only."""
        record.msg, record.args = scrub(record.getMessage()), ()
        if record.exc_info and record.exc_info[0] is not None:
            record.msg += f" ({record.exc_info[0].__name__})"
        record.exc_info = record.exc_text = None
        return True


_FILTER = ScrubbingFilter()


def scrub_logger(logger: logging.Logger) -> None:
    """Scrub all that a logger logs; asking again changes nothing."""
    if _FILTER not in logger.filters:
        logger.addFilter(_FILTER)
