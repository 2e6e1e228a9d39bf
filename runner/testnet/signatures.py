"""HMAC-SHA256, as both venues sign."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache


def is_signed(secret: str, text: bytes, signature: str) -> bool:
    """Whether a signature, in hexadecimal digits, is that of the text."""
    made = _keyed(secret).copy()
    made.update(text)
    return hmac.compare_digest(made.hexdigest().encode(), signature.encode("utf-8", "replace"))


@lru_cache(maxsize=1024)
def _keyed(secret: str) -> hmac.HMAC:
    """The start of every signature with a key, which takes longer than the rest."""
    return hmac.new(secret.encode(), digestmod=hashlib.sha256)
