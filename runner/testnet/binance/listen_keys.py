"""Listen keys: with one, an account's own events can be listened to."""

from __future__ import annotations

import secrets


class ListenKeys:
    """The keys that are in use."""

    def __init__(self) -> None:
        self._accounts: dict[str, str] = {}

    def open(self, account: str) -> str:
        """The key of an account, a new one if it has none."""
        for key, owner in self._accounts.items():
            if owner == account:
                return key
        key = secrets.token_hex(32)
        self._accounts[key] = account
        return key

    def close(self, key: str) -> None:
        """A key is used no more."""
        self._accounts.pop(key, None)

    def account_of(self, key: str) -> str:
        """Whose key it is, "" if nobody's."""
        return self._accounts.get(key, "")
