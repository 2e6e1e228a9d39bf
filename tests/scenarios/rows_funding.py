"""Perpetuals: funding at its own instants, and which bar it belongs to. Hand-made."""

from __future__ import annotations

from .harness import buy, close, sell
from .perpetuals import BOUGHT, FLAT, LEVEL, LONG, opening, perpetual, reaching

ROWS = [
    perpetual(
        "a long pays in the bar of its entry",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        funding={1: 0.01},
        paid=10,
    ),
    perpetual(
        "a short receives",
        [FLAT] * 2,
        [sell(0, quantity=10)],
        ["1 sell 10 @ 100 taker entry"],
        funding={1: 0.01},
        paid=-10,
        equity=1_010,
    ),
    perpetual(
        "a negative rate is paid to longs",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        funding={1: -0.01},
        paid=-10,
    ),
    perpetual(
        "before the entry there is nothing to pay",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        funding={0: 0.01},
        paid=0,
    ),
    perpetual(
        "an exit at the open comes before the funding of its bar",
        [FLAT] * 3,
        [LONG, close(1)],
        [BOUGHT, "2 sell 10 @ 100 taker exit"],
        funding={2: 0.01},
        paid=0,
    ),
    perpetual(
        "an exit inside the bar comes after it",
        reaching(94),
        [buy(0, quantity=10, stop_loss=0.05)],
        [BOUGHT, "2 sell 10 @ 95 taker stop_loss"],
        funding={2: 0.01},
        paid=10,
        equity=940,
    ),
    perpetual(
        "liquidated at the open, nothing is paid",
        opening(91),
        [LONG],
        [BOUGHT, "2 sell 10 @ 91 taker liquidation"],
        funding={2: 0.01},
        paid=0,
    ),
    perpetual(
        "liquidated inside the bar, the funding was paid",
        reaching(90),
        [LONG],
        [BOUGHT, f"2 sell 10 @ {LEVEL!r} taker liquidation"],
        funding={2: 0.01},
        paid=10,
    ),
    perpetual(
        "the mark is what funding is paid on",
        [FLAT] * 2,
        [LONG],
        [BOUGHT],
        marks=[FLAT, (110, 110, 110, 110)],
        funding={1: 0.01},
        paid=11,
    ),
    perpetual(
        "free cash pays funding before isolated margin does",
        reaching(LEVEL + 1e-6),
        [LONG],
        [BOUGHT],
        funding={1: 0.05, 2: 0.05},
        paid=100,
    ),
    perpetual(
        "without free cash funding brings the liquidation nearer",
        # 1,000 all posted, 100 paid: (10,000 - 900) / 98.
        reaching(9_100 / 98),
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry", f"2 sell 100 @ {9_100 / 98!r} taker liquidation"],
        funding={1: 0.01},
        paid=100,
    ),
    perpetual(
        "funding alone can liquidate",
        [FLAT] * 3,
        [buy(0, quantity=100)],
        ["1 buy 100 @ 100 taker entry", "2 sell 100 @ 100 taker liquidation"],
        funding={2: 0.09},
        paid=900,
        equity=100,
    ),
]
