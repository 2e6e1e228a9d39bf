"""Who asks: the key in the header, and the signature over everything that was sent.

Source: https://developers.binance.com/docs/binance-spot-api-docs/rest-api/request-security
"""

from __future__ import annotations

import re
from typing import Any

from runner.testnet.binance.errors import BinanceError, illegal, missing
from runner.testnet.core.accounts import ApiKey
from runner.testnet.core.exchange import Exchange
from runner.testnet.signatures import is_signed
from runner.testnet.wire import Call

HEADER = "x-mbx-apikey"
KEY_ONLY = "key"
"""The permission of routes that want a key but no signature."""

_USUAL_WINDOW, _LONGEST_WINDOW_MS = "5000", 60_000
_WINDOW = re.compile(r"[0-9]{1,20}(\.[0-9]{1,3})?")
_KEY = re.compile(r"[A-Za-z0-9_\-]{1,128}")
_SIGNATURE = re.compile(r"(?:^|&)signature=([^&]*)")


def identify(exchange: Exchange, call: Call, permission: str) -> None:
    """Fill in the call's key and account; BinanceError if it may not do what it asks."""
    name = call.headers.get(HEADER, "")
    if not _KEY.fullmatch(name):
        raise BinanceError(-2014, "API-key format invalid.", 401)
    key = exchange.keys.get(name)
    if key is None or key.revoked:
        raise _not_allowed()
    call.key, call.account = key, exchange.accounts[key.account]
    if permission == KEY_ONLY:
        return
    if permission not in key.permissions:
        raise _not_allowed()
    check_time(exchange, call.given)
    _check_signature(call, key)


def _not_allowed() -> BinanceError:
    return BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)


def check_time(exchange: Exchange, given: dict[str, Any]) -> None:
    """BinanceError if what was signed is too old, or from the future."""
    stamp, window = given.get("timestamp", ""), given.get("recvWindow", _USUAL_WINDOW)
    if not stamp:
        raise missing("timestamp")
    if not (stamp.isascii() and stamp.isdigit() and len(stamp) <= 19):
        raise illegal("timestamp", "^[0-9]{1,20}$")
    if not _WINDOW.fullmatch(window):
        raise illegal("recvWindow", "^[0-9]{1,20}$")
    window_ms = float(window)
    if window_ms > _LONGEST_WINDOW_MS:
        raise BinanceError(-1131, "'recvWindow' must be less than 60000.")
    timestamp_ms, now_ms = int(stamp), exchange.clock.served_ms
    if len(stamp) > 13:
        timestamp_ms //= 1000  # microseconds are allowed
    if exchange.clock.is_plausible(timestamp_ms, int(window_ms)):
        return
    if timestamp_ms > now_ms:
        ahead = "Timestamp for this request was 1000ms ahead of the server's time."
        raise BinanceError(-1021, ahead)
    raise BinanceError(-1021, "Timestamp for this request is outside of the recvWindow.")


def _check_signature(call: Call, key: ApiKey) -> None:
    given = call.given.get("signature", "")
    if not given:
        raise missing("signature")
    body = call.body.decode("ascii")
    signed = "".join(_SIGNATURE.sub("", part) for part in (call.query, body))
    if not is_signed(key.secret, signed.encode(), str(given)):
        raise BinanceError(-1022, "Signature for this request is not valid.")
