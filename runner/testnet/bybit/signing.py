"""Who asks: a signature over the time, the key, the window and all that was sent.

Source: https://bybit-exchange.github.io/docs/v5/guide#authentication
"""

from __future__ import annotations

from runner.testnet.bybit.errors import BybitError
from runner.testnet.core.accounts import ApiKey
from runner.testnet.core.exchange import Exchange
from runner.testnet.signatures import is_signed
from runner.testnet.wire import Call

_USUAL_WINDOW = "5000"
_LONGEST_WINDOW_MS = 60_000


def identify(exchange: Exchange, call: Call, permission: str) -> None:
    """Fill in the call's key and account; BybitError if it may not do what it asks."""
    name = call.headers.get("x-bapi-api-key", "")
    if not name:
        raise BybitError(10007, "User authentication failed: no api key", 401)
    key = exchange.keys.get(name)
    if key is None:
        raise BybitError(10003, "API key is invalid.")
    call.key, call.account = key, exchange.accounts[key.account]
    if key.revoked:
        raise BybitError(33004, "Your api key has expired.")
    _check_time(exchange, call)
    _check_signature(call, key)
    if permission not in key.permissions:
        raise BybitError(10005, "Permission denied, please check your API key permissions.")


def _check_time(exchange: Exchange, call: Call) -> None:
    stamp = call.headers.get("x-bapi-timestamp", "")
    window = call.headers.get("x-bapi-recv-window", _USUAL_WINDOW)
    for text in (stamp, window):
        if not (text.isascii() and text.isdigit() and len(text) <= 18):
            raise BybitError(10001, "params error: timestamp or recv_window invalid")
    window_ms = min(int(window), _LONGEST_WINDOW_MS)
    if not exchange.clock.is_plausible(int(stamp), window_ms):
        raise BybitError(
            10002,
            "invalid request, please check your server timestamp or recv_window param. "
            f"req_timestamp[{int(stamp)}],server_timestamp[{exchange.clock.served_ms}],"
            f"recv_window[{window_ms}]",
        )


def _check_signature(call: Call, key: ApiKey) -> None:
    window = call.headers.get("x-bapi-recv-window", "")
    head = call.headers.get("x-bapi-timestamp", "") + key.key + window
    sent = call.body if call.method == "POST" else call.query.encode()
    if not is_signed(key.secret, head.encode() + sent, call.headers.get("x-bapi-sign", "")):
        raise BybitError(10004, "Error sign, please check your signature generation algorithm.")
