"""What the bots that are killed trade, and the faults that their exchange may have."""

from __future__ import annotations

from dataclasses import replace

import robotrader_sdk as rt
from runner.testnet.faults import FaultRequest
from tests.crash.harness import Scenario

SPOT, PERP = "BTC/USDT", "BTC/USDT:USDT"
BARS = {
    SPOT: rt.synthetic_bars(60, "1m", seed=5, price=40_000.0, volatility=9.0).round(1),
    "ETH/USDT": rt.synthetic_bars(60, "1m", seed=6, price=2_000.0, volatility=9.0).round(1),
}
BARS[PERP] = BARS[SPOT]

SCENARIOS = {
    "limits on binance": Scenario(strategy="Dips", venue="binance", symbols=(SPOT,)),
    "limits on bybit": Scenario(strategy="Dips", venue="bybit", symbols=(SPOT,), n_bars=45),
    "trailing on binance": Scenario(strategy="Trails", venue="binance", symbols=(SPOT,)),
    "trailing on bybit": Scenario(strategy="Trails", venue="bybit", symbols=(SPOT,)),
    "stops on binance": Scenario(strategy="Breaks", venue="binance", symbols=(SPOT,)),
    "reversals on bybit": Scenario(strategy="Turns", venue="bybit", symbols=(PERP,), leverage="3"),
    "weights on binance": Scenario(strategy="Weights", venue="binance", symbols=(SPOT, "ETH/USDT")),
}

ORDERS = {"binance": "* /api/v3/order*", "bybit": "* /v5/order/*"}
FAULTS = (
    None,
    "timeout_before",
    "timeout_after",
    "error_before",
    "error_after",
    "reset_before",
    "reset_after",
    "truncated",
    "not_json",
    "duplicate_reply",
    "handled_twice",
    "order_not_found",
    "late_fills",
    "out_of_order_fills",
    "slow",
    "ban",
    "maintenance",
    "clock_skew",
)
"""Every fault that in the end lets an order through."""

TWICE = "handled_twice"
"""Not on Binance, where a market order may be delivered twice and nobody could prevent the second:
its ids are unique among open orders only.
"""

HIDES = "late_fills"
HIDDEN_MS = 1_500
"""A fill that the exchange keeps to itself can't be answered: for so long after it may a position
be without its stop, and what follows may come later than undisturbed.
"""


def scenario_under(name: str, kind: str | None) -> Scenario:
    """A scenario as patient as a fault of that kind needs it."""
    timeout = 500 if kind is not None and "timeout" in kind else 10_000
    lingers = HIDDEN_MS / 1000 if kind == HIDES else 0.0
    return replace(SCENARIOS[name], timeout=timeout, lingers=lingers)


def fault_of(kind: str | None, venue: str, seed: int) -> list[FaultRequest]:
    if kind is None:
        return []
    short = {"slow": 0.05, "ban": 0.3, "maintenance": 0.3, "late_fills": 0.3}
    short["order_not_found"] = 0.3
    everywhere = kind in (
        "order_not_found", "late_fills", "out_of_order_fills", "slow", "clock_skew"
    )  # fmt: skip
    return [
        FaultRequest(
            kind=kind,
            route="" if everywhere else ORDERS[venue],
            probability=0.15,
            times=12,
            seconds=short.get(kind, 1.0),
            milliseconds=30_000 if kind == "clock_skew" else 0,
            seed=seed,
        )
    ]
