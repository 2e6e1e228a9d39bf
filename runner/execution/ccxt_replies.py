"""What an exchange answered, as it came over the wire, before ccxt made anything of it."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

_HTTP_SERVER_ERROR = 500
_SUCCESS = {"bybit": "0", "okx": "0"}
_CANCEL_REPLACE = (-2021, -2022)


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply: `code` is the venue's own for a refusal, "" if it tells none that can be read.

    is_readable: whether it is JSON; ccxt makes an empty result of a page of HTML.
    """

    status: int
    headers: Mapping[str, str]
    code: str = ""
    message: str = ""
    is_readable: bool = True

    @property
    def is_refusal(self) -> bool:
        """Whether the venue itself says no; who answers for it, such as a proxy, can't."""
        return bool(self.code) and self.status < _HTTP_SERVER_ERROR

    def ban_end(self, now: datetime, clock_ahead: timedelta) -> datetime | None:
        """Until when it wants no request, if it says so; `clock_ahead`: ours, of the venue's."""
        headers = {name.lower(): value for name, value in self.headers.items()}
        wait = headers.get("retry-after", "")
        if wait.isascii() and wait.isdigit():
            return now + timedelta(seconds=int(wait))
        at = headers.get("x-bapi-limit-reset-timestamp", "")
        _, _, said = self.message.partition("banned until ")
        for text in (said.partition(".")[0].strip(), at):
            if text.isascii() and text.isdigit() and len(text) < 15:
                return datetime.fromtimestamp(int(text) / 1000, UTC) + clock_ahead
        return None


@dataclass(slots=True)
class Asked:
    """What has happened of one call: the requests that left, and the last reply to one."""

    priority: Any = None
    n_orders: int = 1
    n_sent: int = 0
    reply: Reply | None = field(default=None)
    all_readable: bool = True

    def note(self, reply: Reply) -> None:
        """A reply has come."""
        self.reply = reply
        self.all_readable = self.all_readable and reply.is_readable


def read_reply(exchange: str, status: int, headers: Mapping[str, str], body: str) -> Reply:
    """The reply of an exchange."""
    try:
        parsed = json.loads(body)
    except ValueError:
        return Reply(status, headers, is_readable=False)
    if isinstance(parsed, list) and len(parsed) == 1:
        (parsed,) = parsed
    if not isinstance(parsed, dict):
        return Reply(status, headers, is_readable=isinstance(parsed, list))
    code, message = _READERS[exchange](parsed)
    return Reply(status, headers, "" if code == _SUCCESS.get(exchange) else code, message)


def _binance(body: Mapping[str, Any]) -> tuple[str, str]:
    code = body.get("code")
    told = body.get("data")
    if code in _CANCEL_REPLACE and isinstance(told, dict):
        # What is wrong is said of the half that failed; the cancel comes first.
        halves = (told.get("newOrderResponse"), told.get("cancelResponse"))
        failed = next((h for h in halves if isinstance(h, dict) and h.get("code")), {})
        code, body = failed.get("code", code), {"msg": body.get("msg"), **failed}
    return ("", "") if code in (None, 0, 200) else (str(code), str(body.get("msg", "")))


def _bybit(body: Mapping[str, Any]) -> tuple[str, str]:
    return str(body.get("retCode", "")), str(body.get("retMsg", ""))


def _okx(body: Mapping[str, Any]) -> tuple[str, str]:
    rows = body.get("data")
    first = rows[0] if isinstance(rows, list) and rows and isinstance(rows[0], dict) else {}
    code = str(first.get("sCode") or "0")
    if code != "0":
        return code, str(first.get("sMsg", ""))
    return str(body.get("code", "")), str(body.get("msg", ""))


def _kraken(body: Mapping[str, Any]) -> tuple[str, str]:
    errors = body.get("error")
    if not isinstance(errors, list) or not errors:
        return "", ""
    code, _, more = str(errors[0]).partition(":")
    kind, _, detail = more.partition(":")
    return f"{code}:{kind}", detail or kind


def _coinbase(body: Mapping[str, Any]) -> tuple[str, str]:
    told = body.get("error_response")
    told = told if isinstance(told, dict) else body
    results = body.get("results")
    if isinstance(results, list) and len(results) == 1 and not results[0].get("success", True):
        return str(results[0].get("failure_reason", "")), ""
    names = ("preview_failure_reason", "new_order_failure_reason", "error")
    codes = [str(told.get(name) or "") for name in names]
    known = [code for code in codes if code and not code.startswith("UNKNOWN_")]
    any_code = next((code for code in codes if code), "")
    return (known or [any_code])[0], str(told.get("message", ""))


_READERS: dict[str, Callable[[Mapping[str, Any]], tuple[str, str]]] = {
    "binance": _binance,
    "bybit": _bybit,
    "okx": _okx,
    "kraken": _kraken,
    "coinbase": _coinbase,
}
