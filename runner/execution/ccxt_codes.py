"""What the exchanges' own codes mean, for what is to be done about them.

Ccxt's classes depend on the host's name, on what was asked before and on the text; codes do not.
Sources: https://developers.binance.com/docs/binance-spot-api-docs/errors,
https://bybit-exchange.github.io/docs/v5/error, https://docs.kraken.com/api/docs/guides/spot-errors,
https://docs.cdp.coinbase.com/coinbase-app/advanced-trade-apis,
https://www.okx.com/docs-v5/en/#error-code
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import Enum, auto


class Meaning(Enum):
    """What a refusal comes to."""

    AMBIGUOUS = auto()
    CLOCK = auto()
    RATE = auto()
    KEY = auto()
    DUPLICATE = auto()
    PASSED = auto()
    FUNDS = auto()
    MISSING = auto()
    MARKET = auto()
    UNCHANGED = auto()
    REFUSED = auto()


_BINANCE: dict[Meaning, str] = {
    Meaning.AMBIGUOUS: "-1000 -1001 -1004 -1006 -1007 -1008 -1016",
    Meaning.CLOCK: "-1021",
    Meaning.RATE: "-1003 -1015",
    Meaning.KEY: "-1002 -1022 -1099 -2008 -2014 -2015",
    Meaning.MISSING: "-2011 -2013 -2018 -2026",
    Meaning.MARKET: "-1121",
}
_BYBIT: dict[Meaning, str] = {
    # 110079: the order is being processed; 1700xx: time ran out inside the exchange.
    Meaning.AMBIGUOUS: "10000 10016 10019 110079 170001 170007 170032 170146 170147 3100326",
    Meaning.CLOCK: "10002",
    Meaning.RATE: "10006 10018 10429 170005 170222",
    Meaning.KEY: "10003 10004 10005 10007 10008 10009 10010 33004",
    Meaning.DUPLICATE: "110072 170141",
    Meaning.PASSED: "110092 110093 170206",
    Meaning.FUNDS: "110004 110007 110012 110044 110045 110052 170033 170131",
    Meaning.MISSING: "110001 110008 110010 110019 170139 170142 170143 170213",
    Meaning.MARKET: "110021 170121",
    Meaning.UNCHANGED: "110026 110043 100028",
}
_OKX: dict[Meaning, str] = {
    Meaning.AMBIGUOUS: "50001 50004 50013 50026 51054",
    Meaning.CLOCK: "50102",
    Meaning.RATE: "50011 50040 50061",
    Meaning.KEY: "50100 50101 50103 50104 50105 50110 50111 50113 50114 50119 50120",
    Meaning.DUPLICATE: "51016 51065",
    Meaning.PASSED: "51277 51278 51279 51280",
    Meaning.FUNDS: "51008 51020 51119 51127 51131",
    Meaning.MISSING: "51400 51401 51402 51405 51410 51503 51603 51604",
    Meaning.MARKET: "51001",
}
_KRAKEN: dict[Meaning, str] = {
    Meaning.AMBIGUOUS: "EService:Unavailable EService:Busy EService:Deadline_elapsed "
    "EGeneral:Internal_error EService:Timeout",
    Meaning.CLOCK: "EAPI:Invalid_nonce",
    Meaning.RATE: "EAPI:Rate_limit_exceeded EOrder:Rate_limit_exceeded "
    "EGeneral:Temporary_lockout EService:Throttled",
    Meaning.KEY: "EAPI:Invalid_key EAPI:Invalid_signature EGeneral:Permission_denied",
    Meaning.DUPLICATE: "EOrder:Duplicate_client_order_ID EOrder:cl_ord_id_must_be_unique",
    Meaning.FUNDS: "EOrder:Insufficient_funds EOrder:Insufficient_margin",
    Meaning.MISSING: "EOrder:Unknown_order EOrder:Invalid_order",
    Meaning.MARKET: "EQuery:Unknown_asset_pair",
}
_COINBASE: dict[Meaning, str] = {
    Meaning.AMBIGUOUS: "UNKNOWN_FAILURE_REASON INTERNAL UNAVAILABLE unknown internal "
    "COMMANDER_REJECTED_NEW_ORDER",
    Meaning.RATE: "RATE_LIMIT_EXCEEDED rate_limit_exceeded",
    Meaning.KEY: "PERMISSION_DENIED UNAUTHENTICATED Unauthorized unauthorized",
    Meaning.PASSED: "PREVIEW_STOP_PRICE_ABOVE_LAST_TRADE_PRICE "
    "PREVIEW_STOP_PRICE_BELOW_LAST_TRADE_PRICE",
    Meaning.FUNDS: "INSUFFICIENT_FUND PREVIEW_INSUFFICIENT_FUND",
    Meaning.MISSING: "NOT_FOUND UNKNOWN_CANCEL_ORDER DUPLICATE_CANCEL_REQUEST",
    Meaning.MARKET: "INVALID_PRODUCT_ID UNSUPPORTED_ORDER_CONFIGURATION",
}


def _by_code(table: Mapping[Meaning, str]) -> dict[str, Meaning]:
    return {
        code.replace("_", " ") if code.startswith("E") and ":" in code else code: meaning
        for meaning, codes in table.items()
        for code in codes.split()
    }


CODES: dict[str, dict[str, Meaning]] = {
    "binance": _by_code(_BINANCE),
    "bybit": _by_code(_BYBIT),
    "okx": _by_code(_OKX),
    "kraken": _by_code(_KRAKEN),
    "coinbase": _by_code(_COINBASE),
}

# Binance has one code for all refusals of an order, and tells them apart by text.
TEXTS: dict[str, tuple[tuple[str, str, Meaning], ...]] = {
    "binance": (
        ("-2010", "duplicate order sent", Meaning.DUPLICATE),
        ("-2010", "would trigger immediately", Meaning.PASSED),
        ("-2010", "insufficient balance", Meaning.FUNDS),
        ("-2010", "unknown order sent", Meaning.MISSING),
        ("-2021", "would immediately trigger", Meaning.PASSED),
    ),
    "bybit": (
        ("10001", "symbol invalid", Meaning.MARKET),
        ("10001", "not supported symbol", Meaning.MARKET),
        ("10001", "order remains unchanged", Meaning.UNCHANGED),
    ),
    "kraken": (("EGeneral:Invalid arguments", "cl_ord_id", Meaning.DUPLICATE),),
}


def meaning_of(exchange: str, code: str, message: str) -> Meaning:
    """What a code comes to; one that is not known is a refusal."""
    said = message.lower()
    for known, text, meaning in TEXTS.get(exchange, ()):
        if code == known and text in said:
            return meaning
    return CODES[exchange].get(code, Meaning.REFUSED)
