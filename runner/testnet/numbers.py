"""Decimals as venues write them."""

from __future__ import annotations

from decimal import Decimal


def fixed(value: Decimal | float, places: int = 8) -> str:
    """With so many decimals, as Binance writes them."""
    return f"{value:.{places}f}"


def plain(value: Decimal | float) -> str:
    """Without trailing zeros or an exponent, as Bybit writes them."""
    text = f"{Decimal(repr(value)) if isinstance(value, float) else value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
