"""How long the trading path waits for an exchange, and how often it asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds and counts; the defaults are for real exchanges.

    grace: how long an order may take to be found after it was sent. interval: between two looks.
    n_looks: how many looks an absence takes at least. n_sends: how often an order that opens
    something is sent at most. fills: how long fills may come after an order is said to be filled.
    escalation: how long a triggered stop-limit may stay unfilled. lost: after how long a stop or
    take-profit that the exchange says it does not know is no protection any more.
    """

    grace: float = 5.0
    interval: float = 0.5
    n_looks: int = 3
    n_sends: int = 2
    fills: float = 5.0
    escalation: float = 10.0
    lost: float = 120.0
