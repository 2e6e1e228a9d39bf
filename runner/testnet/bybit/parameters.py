"""Reading parameters as Bybit does: strings of a query, or the values of a JSON object."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Mapping
from decimal import Decimal
from typing import Any, TypeVar
from urllib.parse import parse_qsl

from runner.testnet.bybit.errors import BybitError, wrong
from runner.testnet.wire import Call

T = TypeVar("T")

_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]{1,20})?")
_CLIENT_ID = re.compile(r"[A-Za-z0-9_\-]{1,36}")
_MOST_DEEP = 200
_LARGEST = 10**30
_SPAN_MS = 7 * 86_400_000


def parse(call: Call) -> dict[str, Any]:
    """The parameters of a call; BybitError if they can't be read."""
    if call.method != "POST":
        try:
            pairs = parse_qsl(
                call.query, keep_blank_values=True, errors="strict", max_num_fields=100
            )
        except ValueError:
            raise BybitError(10001, "params error: query invalid") from None
        return dict(pairs)
    if call.body.count(b"[") + call.body.count(b"{") > _MOST_DEEP:
        raise BybitError(10001, "params error: body invalid")
    try:
        given = json.loads(call.body or b"{}", parse_float=str, parse_constant=str)
    except ValueError:
        raise BybitError(10001, "params error: body is not valid JSON") from None
    if not isinstance(given, dict):
        raise BybitError(10001, "params error: body must be a JSON object")
    return given


class Given:
    """The parameters of a call, read by type."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def __contains__(self, name: str) -> bool:
        return self._values.get(name) not in (None, "")

    def text(self, name: str, default: str | None = None) -> str:
        """A text; BybitError if it is not there and has no default."""
        value = self._values.get(name)
        if value in (None, ""):
            if default is None:
                raise wrong(name)
            return default
        if isinstance(value, bool) or not isinstance(value, (str, int)):
            raise wrong(name)
        if isinstance(value, int) and abs(value) >= _LARGEST:
            raise wrong(name)
        return str(value)

    def choice(self, name: str, among: Collection[str], default: str | None = None) -> str:
        """One of some words."""
        value = self.text(name, default)
        if value not in among:
            raise wrong(name)
        return value

    def mapped(self, name: str, among: Mapping[str, T], default: str | None = None) -> T:
        """What one of some words stands for."""
        return among[self.choice(name, among, default)]

    def number(self, name: str) -> Decimal | None:
        """A number without sign or exponent; None if it is not there or 0, which says no price."""
        text = self.text(name, "")
        if not text:
            return None
        if not _NUMBER.fullmatch(text):
            raise wrong(name)
        return Decimal(text) or None

    def quantity(self, name: str = "qty") -> Decimal:
        """A number that must be there."""
        value = self.number(name)
        if value is None:
            raise wrong(name)
        return value

    def whole(self, name: str) -> int | None:
        """A whole number from 0 on, None if it is not there."""
        text = self.text(name, "")
        if not text:
            return None
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise wrong(name)
        return int(text)

    def limit(self, default: int, most: int) -> int:
        """How many rows at most."""
        value = self.whole("limit")
        return default if not value else min(value, most)

    def span(self, now_ms: int) -> tuple[int, int]:
        """From when to when a history is asked for: a week at most, the last one unless told.

        https://bybit-exchange.github.io/docs/v5/order/order-list and order/execution: also where
        an order is named by its id.
        """
        start, end = self.whole("startTime"), self.whole("endTime")
        if start is None and end is None:
            return now_ms - _SPAN_MS, now_ms
        if start is None:
            return (end or 0) - _SPAN_MS, end or 0
        if end is None:
            return start, start + _SPAN_MS
        if not 0 <= end - start <= _SPAN_MS:
            raise wrong("startTime or endTime")
        return start, end

    def flag(self, name: str) -> bool:
        """True or false; false if it is not there."""
        value = self._values.get(name)
        if value in (None, "", False, "false"):
            return False
        if value in (True, "true"):
            return True
        raise wrong(name)

    def client_id(self, name: str = "orderLinkId") -> str:
        """An id that the client has chosen, "" if it has not."""
        text = self.text(name, "")
        if text and not _CLIENT_ID.fullmatch(text):
            raise wrong(name)
        return text
