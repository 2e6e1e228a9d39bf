"""An asynchronous ccxt client of one exchange, set up to send what it is told, once."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from importlib import import_module
from typing import Any

from runner.execution.errors import ExchangeUnknownError, KeyRefusedError

SUPPORTED = ("binance", "bybit")
EXPERIMENTAL = ("kraken", "coinbase", "okx")
"""Tested against recorded forms of requests and replies only, not against an exchange."""

EXPERIMENTAL_SWITCH = "RT_EXPERIMENTAL_VENUES"
_FUTURES = ("binanceusdm", "binancecoinm")
_TIMEOUT_MS = 10_000
_PEM = "-----BEGIN"

_SETTINGS: dict[str, dict[str, Any]] = {
    "binance": {
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
        },
    },
    "bybit": {
        "has": {"fetchCurrencies": False},
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot", "linear"]}},
    },
    "kraken": {"has": {"fetchCurrencies": False}},
    "coinbase": {"has": {"fetchCurrencies": False}},
    "okx": {
        "has": {"fetchCurrencies": False},
        "options": {"defaultType": "spot", "fetchMarkets": {"types": ["spot"]}},
    },
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What requests are signed with; it is never printed. `password`: OKX's passphrase."""

    key: str
    secret: str
    password: str = ""

    def __repr__(self) -> str:
        return "Credentials(***)"


def new_client(
    exchange: str,
    credentials: Credentials | None,
    *,
    overrides: Mapping[str, Any] | None = None,
    environ: Mapping[str, str] = os.environ,
) -> Any:
    """A new client; the caller closes it.

    It sends each request once and at once: repetition and rate limits are the caller's. Numbers
    come as text, for Decimal. `overrides` go over its settings, such as the URLs of a local
    exchange. ExchangeUnknownError if the exchange is not supported, KeyRefusedError if the
    credentials can't be any.
    """
    check_exchange(exchange, environ)
    settings = public_settings(exchange, overrides)
    # On a connection that is used again, a reply that comes twice would answer the next request:
    # an order could seem to be missing that is there, or bars be those of another symbol.
    settings["headers"] = {"Connection": "close"}
    if credentials is not None:
        check_credentials(credentials)
        settings |= {"apiKey": credentials.key, "secret": credentials.secret}
        if credentials.password:
            settings["password"] = credentials.password
    return _class_of(exchange)(settings)


def public_settings(exchange: str, overrides: Mapping[str, Any] | None) -> dict[str, Any]:
    """What every client of an exchange is set up with, keys apart."""
    settings: dict[str, Any] = {
        "enableRateLimit": False,
        "timeout": _TIMEOUT_MS,
        "number": str,
        "options": {"maxRetriesOnFailure": 0, "adjustForTimeDifference": True},
    }
    settings = _merged(settings, _SETTINGS[exchange])
    return _merged(settings, overrides or {})


def check_exchange(exchange: str, environ: Mapping[str, str] = os.environ) -> None:
    """ExchangeUnknownError if an exchange is not supported, with the reason and what to do."""
    if exchange in SUPPORTED:
        return
    if exchange in EXPERIMENTAL:
        if environ.get(EXPERIMENTAL_SWITCH) == "1":
            return
        raise ExchangeUnknownError(
            f"{exchange} is experimental: it was never tested against an exchange that answers. "
            f"Set {EXPERIMENTAL_SWITCH}=1 to use it all the same, with little money"
        )
    if exchange in _FUTURES:
        raise ExchangeUnknownError(
            f"{exchange} is not supported: Binance's futures have another protocol, which the "
            f"local exchange does not speak, so nothing here is tested with it. For perpetuals "
            f"use bybit, with a symbol such as 'BTC/USDT:USDT'"
        )
    near = get_close_matches(str(exchange).lower(), SUPPORTED + EXPERIMENTAL, n=1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    raise ExchangeUnknownError(
        f"exchange {exchange!r} is not supported, there are {', '.join(SUPPORTED)}"
        f" and, as experiments, {', '.join(EXPERIMENTAL)}{meant}"
    )


def check_credentials(credentials: Credentials) -> None:
    """KeyRefusedError if a part of the credentials is empty or can't be sent as it is."""
    parts = {"key": credentials.key, "secret": credentials.secret}
    for name, text in parts.items():
        if not text:
            raise KeyRefusedError(f"the API {name} is empty; copy it from the exchange")
    for name, text in {**parts, "passphrase": credentials.password}.items():
        # A PEM, as Coinbase's secrets are, has line ends and blanks within it.
        is_bad = not text.isascii() or (_PEM not in text and any(map(_is_odd, text)))
        if is_bad:
            raise KeyRefusedError(
                f"the API {name} has blanks, line ends or characters that are not ASCII in it; "
                f"copy it from the exchange again"
            )


def _is_odd(letter: str) -> bool:
    return letter.isspace() or not letter.isprintable()


def _class_of(exchange: str) -> Any:
    # Ccxt takes seconds to import, so it is when the first client is made.
    module = import_module("ccxt.async_support")
    return getattr(module, exchange)


def _merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    result = dict(base)
    for name, value in over.items():
        before = result.get(name)
        both = isinstance(before, Mapping) and isinstance(value, Mapping)
        result[name] = _merged(before, value) if both else value  # type: ignore[arg-type]
    return result
