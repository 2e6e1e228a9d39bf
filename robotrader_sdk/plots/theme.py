"""Colours, type and measures that the interactive and the static figures share."""

from __future__ import annotations

INK = "#1f2937"
MUTED = "#6b7280"
GRID = "#eceff3"
PAPER = "#ffffff"

RISING = "#54a892"
FALLING = "#dc8279"
VOLUME = "#c3cad5"

BUY = "#1769e0"
SELL = "#d9480f"
WON = "#2f9e6e"
LOST = "#c92a4b"

EQUITY = "#2450a8"
BENCHMARK = "#9aa3b2"
DRAWDOWN = "#c92a4b"
DRAWDOWN_FILL = "rgba(201, 42, 75, 0.16)"

INDICATORS = (
    "#7048c6",
    "#e08a00",
    "#0b8f9c",
    "#b5348a",
    "#5a7d1c",
    "#8a5a2b",
    "#3d5afe",
    "#607080",
)

FONT = "Inter, 'Segoe UI', 'Helvetica Neue', Arial, sans-serif"

PRICE_HEIGHT = 5.0
VOLUME_HEIGHT = 0.9
INDICATOR_HEIGHT = 1.2
EQUITY_HEIGHT = 2.4
DRAWDOWN_HEIGHT = 1.4
"""Heights of the panels, in parts of a figure's height."""


def indicator_colour(number: int) -> str:
    """The colour of the n-th indicator; they repeat after eight."""
    return INDICATORS[number % len(INDICATORS)]
