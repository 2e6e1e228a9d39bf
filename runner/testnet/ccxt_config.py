"""What ccxt has to be told to speak to a local exchange instead of the real one: URLs, only.

A local exchange has a time of its own, so ccxt is also told to ask for the time and to sign with
it; and not to wait at its end for connections with TLS to wind down, which there are none of. It
imports no ccxt: the overrides go to any of its classes, synchronous, asynchronous or pro.
"""

from __future__ import annotations

from typing import Any

from runner.errors import TestnetError

VENUES = ("binance", "bybit")


def ccxt_config(venue: str, url: str) -> dict[str, Any]:
    """The overrides for `ccxt.binance(...)` or `ccxt.bybit(...)`, to be merged with a key's.

    `url` is where the local exchange listens, such as "http://127.0.0.1:8100". TestnetError if
    the venue is not served.
    """
    if venue not in VENUES:
        raise TestnetError(f"venue {venue!r} is not served; there are {', '.join(VENUES)}")
    here = url.rstrip("/")
    there = here.replace("http", "ws", 1)
    config = _binance(here, there) if venue == "binance" else _bybit(here, there)
    return config | ({"timeout_on_exit": 0} if here.startswith("http:") else {})


def _binance(http: str, ws: str) -> dict[str, Any]:
    urls = {
        "public": f"{http}/api/v3",
        "private": f"{http}/api/v3",
        "v1": f"{http}/api/v1",
        "sapi": f"{http}/sapi/v1",
        "sapiV2": f"{http}/sapi/v2",
        "sapiV3": f"{http}/sapi/v3",
        "sapiV4": f"{http}/sapi/v4",
        "ws": {
            "spot": f"{ws}/stream/ws",
            "margin": f"{ws}/stream/ws",
            "ws-api": {"spot": f"{ws}/ws-api/v3"},
        },
    }
    return {
        "urls": {"api": urls, "test": urls},
        # What is not spot lives on other hosts.
        "options": {
            "defaultType": "spot",
            "fetchMarkets": {"types": ["spot"]},
            "fetchCurrencies": False,
            "fetchMargins": False,
            "adjustForTimeDifference": True,
        },
    }


def _bybit(http: str, ws: str) -> dict[str, Any]:
    urls = {
        "spot": http,
        "futures": http,
        "v2": http,
        "public": http,
        "private": http,
        "ws": {
            "public": {
                "spot": f"{ws}/v5/public/spot",
                "linear": f"{ws}/v5/public/linear",
                "inverse": f"{ws}/v5/public/inverse",
                "option": f"{ws}/v5/public/option",
            },
            "private": {
                "spot": {
                    "unified": f"{ws}/v5/private",
                    "nonUnified": f"{ws}/spot/private/v3",
                },
                "contract": f"{ws}/v5/private",
                "usdc": f"{ws}/trade/option/usdc/private/v1",
                "trade": f"{ws}/v5/trade",
            },
        },
    }
    return {
        "urls": {"api": urls, "test": urls},
        "has": {"fetchCurrencies": False},  # its answer is not about trading
        "options": {"defaultType": "spot", "adjustForTimeDifference": True},
    }
