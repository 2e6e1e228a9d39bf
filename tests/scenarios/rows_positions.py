"""Fill contract, rules 11, 13 and 14: lots, reversals, sizes, kinds of instrument."""

from __future__ import annotations

import math

import robotrader_sdk as rt

from .harness import Prices, Row, buy, close, sell

STILL: Prices = (100, 101, 99, 100)
UP: Prices = (110, 111, 109, 110)
FOREVER = math.inf
TAKER = rt.Fees(maker=0.0, taker=0.01)

LOTS = [
    Row(
        "a close closes every lot in one fill",
        [STILL, STILL, UP, UP],
        [buy(0, quantity=1), buy(1, quantity=2), close(2)],
        [
            "1 buy 1 @ 100 taker entry",
            "2 buy 2 @ 110 taker entry",
            "3 sell 3 @ 110 taker exit",
        ],
        position=0,
        event_only=True,
        mirrored=True,
    ),
    Row(
        "a partial exit leaves the rest",
        [STILL, STILL, UP, UP],
        [buy(0, quantity=3), sell(1, quantity=1)],
        ["1 buy 3 @ 100 taker entry", "2 sell 1 @ 110 taker exit"],
        position=2,
        event_only=True,
        mirrored=True,
    ),
    Row(
        "a stop-loss after a partial exit closes what is left",
        [STILL, STILL, STILL, (100, 101, 94, 95)],
        [buy(0, quantity=3, stop_loss=0.05), sell(1, quantity=1)],
        [
            "1 buy 3 @ 100 taker entry",
            "2 sell 1 @ 100 taker exit",
            "3 sell 2 @ 95 taker stop_loss",
        ],
        position=0,
        event_only=True,
        mirrored=True,
    ),
    Row(
        "each lot has its own protection",
        [STILL, STILL, UP, (110, 111, 104, 106)],
        [buy(0, quantity=1, stop_loss=0.05), buy(1, quantity=2, stop_loss=0.05)],
        [
            "1 buy 1 @ 100 taker entry",
            "2 buy 2 @ 110 taker entry",
            "3 sell 2 @ 104.5 taker stop_loss",
        ],
        position=1,
        event_only=True,
    ),
    Row(
        "an exit takes the oldest lot, and its protection with it",
        [STILL, STILL, STILL, STILL, (100, 101, 94, 95), (95, 96, 88, 89)],
        [
            buy(0, quantity=1, stop_loss=0.05),
            buy(1, quantity=2, stop_loss=0.1),
            sell(2, quantity=1),
        ],
        [
            "1 buy 1 @ 100 taker entry",
            "2 buy 2 @ 100 taker entry",
            "3 sell 1 @ 100 taker exit",
            "5 sell 2 @ 90 taker stop_loss",
        ],
        position=0,
        event_only=True,
        mirrored=True,
    ),
    Row(
        "closing cancels working entries",
        [STILL, STILL, STILL, (100, 101, 90, 95)],
        [buy(0, quantity=1), buy(0, quantity=1, limit=95, valid=FOREVER), close(1)],
        ["1 buy 1 @ 100 taker entry", "2 sell 1 @ 100 taker exit"],
        position=0,
        event_only=True,
        mirrored=True,
    ),
    Row(
        "a stop-loss cancels working entries",
        [STILL, STILL, (100, 101, 94, 95), (95, 96, 80, 90)],
        [
            buy(0, quantity=1, stop_loss=0.05),
            buy(0, quantity=1, limit=90, valid=FOREVER),
        ],
        ["1 buy 1 @ 100 taker entry", "2 sell 1 @ 95 taker stop_loss"],
        position=0,
        event_only=True,
        mirrored=True,
    ),
    Row(
        "closing cancels the protection",
        [STILL, STILL, STILL, (100, 130, 80, 100)],
        [buy(0, quantity=1, stop_loss=0.05, take_profit=0.05), close(1)],
        ["1 buy 1 @ 100 taker entry", "2 sell 1 @ 100 taker exit"],
        position=0,
        mirrored=True,
    ),
    Row(
        "an order larger than the position nets through to the other side",
        [STILL, STILL, UP, UP],
        [buy(0, quantity=1), sell(1, quantity=3)],
        ["1 buy 1 @ 100 taker entry", "2 sell 3 @ 110 taker entry"],
        position=-2,
        equity=10_010,
        event_only=True,
        mirrored=True,
    ),
    Row(
        "through the position to a smaller one that the equity can't carry is rejected whole",
        [STILL, STILL, (190, 191, 189, 190)],
        [sell(0, quantity=10), buy(1, quantity=15)],
        ["1 sell 10 @ 100 taker entry"],
        rejected=["2 insufficient_cash"],
        cash=1_000,
        position=-10,
        event_only=True,
    ),
    Row(
        "a resting exit limit closes the position as maker",
        [STILL, STILL, (100, 106, 99, 100)],
        [buy(0, quantity=1), sell(1, quantity=1, limit=105)],
        ["1 buy 1 @ 100 taker entry", "2 sell 1 @ 105 maker exit"],
        position=0,
        event_only=True,
        mirrored=True,
    ),
]

AFTER_FEE = 10_000 / 1.01  # what a fraction of 1 spends on the position, TAKER fees inside
LEFT = AFTER_FEE / 100 * 110 * 0.99  # after closing that at 110

REVERSALS = [
    Row(
        "a reversal is two fills at one open",
        [STILL, STILL, UP, UP],
        [buy(0, quantity=1), close(1), sell(1, quantity=1)],
        [
            "1 buy 1 @ 100 taker entry",
            "2 sell 1 @ 110 taker reversal",
            "2 sell 1 @ 110 taker entry",
        ],
        position=-1,
        mirrored=True,
    ),
    Row(
        "a reversal uses the equity left after its own close",
        [STILL, STILL, UP, UP],
        [buy(0, fraction=1.0), close(1), sell(1, fraction=1.0)],
        [
            "1 buy 100 @ 100 taker entry",
            "2 sell 100 @ 110 taker reversal",
            "2 sell 100 @ 110 taker entry",
        ],
        position=-100,
        equity=11_000,
    ),
    Row(
        "a reversal pays both fees",
        [STILL, STILL, UP, UP],
        [buy(0, fraction=1.0), close(1), sell(1, fraction=1.0)],
        [
            f"1 buy {AFTER_FEE / 100!r} @ 100 taker entry",
            f"2 sell {AFTER_FEE / 100!r} @ 110 taker reversal",
            f"2 sell {LEFT / (110 * 1.01)!r} @ 110 taker entry",
        ],
        fees=TAKER,
        equity=LEFT - LEFT / 1.01 * 0.01,
    ),
    Row(
        "a reversal after a stop-loss in the deciding bar is a plain entry",
        [STILL, STILL, (100, 101, 94, 96), (96, 97, 95, 96)],
        [buy(0, quantity=1, stop_loss=0.05), close(2), sell(2, quantity=1, stop_loss=0.05)],
        [
            "1 buy 1 @ 100 taker entry",
            "2 sell 1 @ 95 taker stop_loss",
            "3 sell 1 @ 96 taker entry",
        ],
        position=-1,
    ),
]

SIZES = [
    Row(
        "notional resolves at the fill",
        [STILL, (50, 51, 49, 50)],
        [buy(0, notional=1_000)],
        ["1 buy 20 @ 50 taker entry"],
    ),
    Row(
        "notional has the fee inside",
        [STILL, (50, 51, 49, 50)],
        [buy(0, notional=1_010)],
        ["1 buy 20 @ 50 taker entry"],
        fees=TAKER,
    ),
    Row(
        "fraction resolves at the fill",
        [STILL, (50, 51, 49, 50)],
        [buy(0, fraction=0.5)],
        ["1 buy 100 @ 50 taker entry"],
    ),
    Row(
        "no size is all the equity",
        [STILL, (50, 51, 49, 50)],
        [buy(0)],
        ["1 buy 200 @ 50 taker entry"],
        equity=10_000,
    ),
    Row(
        "no size sold is all the equity, short",
        [STILL, (50, 51, 49, 50)],
        [sell(0)],
        ["1 sell 200 @ 50 taker entry"],
        position=-200,
    ),
    Row(
        "all the equity is affordable with fee and slippage",
        [STILL, (100, 101, 99, 100)],
        [buy(0, fraction=1.0)],
        [f"1 buy {10_000 / (101 * 1.01)!r} @ 101 taker entry"],
        fees=TAKER,
        slippage=0.01,
    ),
    Row(
        "all the equity, in lots",
        [STILL, (30, 31, 29, 30)],
        [buy(0, fraction=1.0)],
        ["1 buy 333 @ 30 taker entry"],
        kind="spot",
        lot=1,
    ),
    Row(
        "a limit's fraction is fixed at the decision from its price",
        [STILL, (90, 91, 89, 90)],
        [buy(0, fraction=0.5, limit=98)],
        [f"1 buy {5_000 / 98!r} @ 90 taker entry"],
    ),
    Row(
        "a stop's notional is fixed at the decision from its price",
        [STILL, (110, 111, 109, 110)],
        [buy(0, notional=1_050, stop=105)],
        ["1 buy 10 @ 110 taker entry"],
    ),
    Row(
        "a limit's fraction keeps the equity of the decision",
        [STILL, STILL, (100, 120, 99, 120), (120, 121, 97, 100)],
        [
            buy(0, quantity=10),
            buy(1, fraction=0.5, limit=98, valid=FOREVER),
        ],
        ["1 buy 10 @ 100 taker entry", f"3 buy {5_000 / 98!r} @ 98 maker entry"],
        event_only=True,
    ),
    Row(
        "risk loses that fraction at the stop",
        [STILL, STILL, (100, 101, 94, 95)],
        [buy(0, risk=0.01, stop_loss=0.05)],
        ["1 buy 20 @ 100 taker entry", "2 sell 20 @ 95 taker stop_loss"],
        equity=9_900,
        mirrored=True,
    ),
    Row(
        "risk is sized at the decision, not at the fill",
        [STILL, (110, 111, 109, 110)],
        [buy(0, risk=0.01, stop_loss=0.05)],
        ["1 buy 20 @ 110 taker entry"],
    ),
    Row(
        "risk to an absolute stop",
        [STILL, STILL],
        [buy(0, risk=0.01, stop_loss_price=96)],
        ["1 buy 25 @ 100 taker entry"],
        mirrored=True,
    ),
    Row(
        "risk to a trailing stop",
        [STILL, STILL],
        [buy(0, risk=0.01, trailing_stop=0.02)],
        ["1 buy 50 @ 100 taker entry"],
        mirrored=True,
    ),
    Row(
        "risk of a limit entry counts from its price",
        [STILL, (100, 101, 97, 98)],
        [buy(0, risk=0.01, limit=98, stop_loss_price=93)],
        ["1 buy 20 @ 98 maker entry"],
        mirrored=True,
    ),
    Row(
        "risk that costs more than there is, is rejected",
        [STILL, STILL],
        [buy(0, risk=0.1, stop_loss=0.05)],
        [],
        rejected=["1 insufficient_cash"],
        mirrored=True,
    ),
    Row(
        "a notional beyond the equity is rejected",
        [STILL, STILL],
        [buy(0, notional=10_001)],
        [],
        rejected=["1 insufficient_cash"],
        mirrored=True,
    ),
]

KINDS = [
    Row(
        "spot buys and sells what it holds",
        [STILL, STILL, UP],
        [buy(0, fraction=1.0), close(1)],
        ["1 buy 100 @ 100 taker entry", "2 sell 100 @ 110 taker exit"],
        kind="spot",
        equity=11_000,
    ),
    Row(
        "a short gains when the price falls",
        [STILL, STILL, (80, 81, 79, 80)],
        [sell(0, quantity=10)],
        ["1 sell 10 @ 100 taker entry"],
        position=-10,
        equity=10_200,
    ),
]

ROWS = LOTS + REVERSALS + SIZES + KINDS
