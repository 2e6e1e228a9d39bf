"""Reading parameters as Binance does: strictly, and all of them or none."""

from __future__ import annotations

import re
from collections.abc import Collection
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from runner.testnet.binance.errors import BinanceError, illegal, missing
from runner.testnet.wire import Call

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_NUMBER_RANGE = "^([0-9]{1,20})(\\.[0-9]{1,20})?$"
_WHOLE = re.compile(r"[0-9]{1,18}")
_CLIENT_ID = re.compile(r"[a-zA-Z0-9\-_.:/]{1,36}")
_CLIENT_ID_RANGE = "^[a-zA-Z0-9-_.:/]{1,36}$"
_SYMBOL = re.compile(r"[A-Z0-9\-_.]{1,20}")
_SYMBOL_RANGE = "^[A-Z0-9-_.]{1,20}$"

_MOST_PARAMETERS = 100

UNREAD = frozenset({"timestamp", "recvWindow", "signature"})
"""Parameters that say who asks, not what."""


def parse(call: Call) -> dict[str, Any]:
    """The parameters of the query and of a form in the body; BinanceError if they can't be read."""
    given: dict[str, Any] = {}
    parts = [call.query]
    if call.body:
        try:
            parts.append(call.body.decode("ascii"))
        except UnicodeDecodeError:
            raise illegal("body", "ASCII") from None
    for part in parts:
        try:
            pairs = _plain_pairs(part) or parse_qsl(
                part, keep_blank_values=True, errors="strict", max_num_fields=_MOST_PARAMETERS
            )
        except ValueError:
            raise BinanceError(-1101, "Too many parameters or malformed ones.") from None
        for name, value in pairs:
            if name in given:
                raise BinanceError(-1101, f"Duplicate values for parameter '{name}' detected.")
            given[name] = value
    return given


def _plain_pairs(part: str) -> list[tuple[str, str]] | None:
    """The pairs of a query in which nothing is encoded, as in most; None for any other."""
    if not part.isascii() or "%" in part or "+" in part or part.count("&") > _MOST_PARAMETERS:
        return None
    pairs = [pair.partition("=") for pair in part.split("&")]
    return [(name, value) for name, _, value in pairs if name]


class Given:
    """The parameters of a call, which notes what has been read of them."""

    def __init__(self, values: dict[str, Any]) -> None:
        self._values = values
        self._read: set[str] = set()

    def __contains__(self, name: str) -> bool:
        return bool(self._values.get(name))

    def text(self, name: str, default: str | None = None) -> str:
        """A text; BinanceError if it is not there and has no default."""
        self._read.add(name)
        value: str = self._values.get(name, "")
        if value:
            return value
        if default is None:
            raise missing(name)
        return default

    def choice(self, name: str, among: Collection[str], error: BinanceError,
               default: str | None = None) -> str:  # fmt: skip
        """One of some words; `error` if it is another."""
        value = self.text(name, default)
        if value not in among:
            raise error
        return value

    def number(self, name: str) -> Decimal | None:
        """A number above 0 without sign or exponent, None if it is not there."""
        text = self.text(name, "")
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            raise illegal(name, _NUMBER_RANGE)
        return Decimal(text)

    def needed_number(self, name: str) -> Decimal:
        """A number that must be there."""
        value = self.number(name)
        if value is None:
            raise missing(name)
        return value

    def whole(self, name: str) -> int | None:
        """A whole number from 0 on, None if it is not there."""
        text = self.text(name, "")
        if not text:
            return None
        if not _WHOLE.fullmatch(text):
            raise illegal(name, "^[0-9]{1,20}$")
        return int(text)

    def limit(self, default: int, most: int) -> int:
        """How many rows at most."""
        value = self.whole("limit")
        return default if not value else min(value, most)

    def client_id(self, name: str) -> str:
        """An id that the client has chosen, "" if it has not."""
        text = self.text(name, "")
        if text and not _CLIENT_ID.fullmatch(text):
            raise illegal(name, _CLIENT_ID_RANGE)
        return text

    def symbol_id(self, name: str = "symbol") -> str:
        """The venue's name of a market."""
        text = self.text(name)
        if not _SYMBOL.fullmatch(text):
            raise illegal(name, _SYMBOL_RANGE)
        return text

    def ignore(self, *names: str) -> None:
        """Parameters that change nothing here."""
        self._read.update(names)

    def done(self) -> None:
        """BinanceError if something has been sent that nothing reads."""
        sent = [name for name in self._values if name not in UNREAD]
        if sent and not self._read:
            raise BinanceError(
                -1101, f"Too many parameters; expected '0' and received '{len(sent)}'."
            )
        n_read = sum(name in self._read for name in sent)
        if n_read < len(sent):
            raise BinanceError(
                -1104,
                f"Not all sent parameters were read; read '{n_read}' parameter(s) but was sent "
                f"'{len(sent)}'.",
            )
