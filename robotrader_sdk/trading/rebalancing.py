"""Target weights: how many units of what an account trades to reach them.

The fill contract for weights, wanted fractions of the equity:

- A weight becomes an ordinary market order, taker, at the open after its decision, or where a
  symbol has no bar then, at its next one. What shrinks is traded first, at all symbols' opens,
  then what grows; a position that turns around is closed with the first and opened anew with
  the second (two fills at one open, as any reversal).
- The quantity is resolved at that open, costs inside: with E the equity at the opens that is
  left after the fees and the slippage of the whole rebalance, each position becomes weight x E /
  open. So weights that sum to 1 are always affordable, and each position is worth exactly its
  weight. Quantities are whole lots, rounded towards nothing held.
- What grows shares what money there is, in proportion to the weights: after what shrinks has
  filled, or could not (no bar, below min_notional), and beside positions that keep more than
  their weight because they are within their drift band. Nothing is rejected for that.
- A perpetual's quantity is fixed at the decision: weight x equity / (close x (1 + fee)).
- An order of less than 1e-11 of the equity is float noise and is not made. One below
  min_notional is rejected and listed, and so is an entry of less than one lot. A position that
  is less than one lot from its weight (fees in base leave it between two lots) stays as it is.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.trading.instrument import STEP_TOLERANCE
from robotrader_sdk.types import Side

Floats = NDArray[np.float64]

NOISE = 1e-11
"""Fraction of the equity below which a difference is no reason to trade."""

_SAFETY = 1e-12
"""Fraction of the equity that is left over, so that float noise in sums rejects no order."""

_ROUNDS = 64
"""More than Newton's method needs on the lines with some bends that it is used for."""


@dataclass(frozen=True)
class Desk:
    """What of an account can be traded at an open, one value a symbol.

    price: the open; buy_price, sell_price: what a taker pays there, slipped and rounded; held:
    signed, base units; fee: fraction of notional; lot_size: 0 for none. No perpetuals: each
    position ties up its whole value.
    """

    price: Floats
    buy_price: Floats
    sell_price: Floats
    held: Floats
    fee: Floats
    lot_size: Floats

    def cost(self, added: Floats) -> tuple[float, Floats]:
        """What trading these signed quantities costs, and how much of it per unit."""
        paid = np.where(added > 0.0, self.buy_price, self.sell_price)
        per_unit = self.fee * paid + np.abs(paid - self.price)
        return float((np.abs(added) * per_unit).sum()), per_unit


def shrinking(desk: Desk, weights: Floats, equity: float) -> Floats:
    """The signed quantities that take positions towards 0; 0 where nothing is to shrink.

    A position that is to change its side is closed. weights: NaN where a symbol is to be left
    alone. equity: at the open's prices, all symbols of the account included.
    """
    left = _equity_after(desk, weights, equity)
    wanted = _wanted(desk, weights, left)
    wanted = np.where(wanted * desk.held < 0.0, 0.0, wanted)
    added = np.where(np.abs(wanted) < np.abs(desk.held), wanted - desk.held, 0.0)
    noise = (np.abs(added) * desk.price <= NOISE * left) & (weights != 0.0)
    added[noise | _less_than_a_lot(desk, added)] = 0.0
    return added


def growing(desk: Desk, weights: Floats, equity: float, tied: float) -> Floats:
    """The signed quantities that take positions away from 0, after what shrinks has filled.

    tied: how much of the equity backs positions that are not on the desk. An entry whose weight
    is less than a lot is given as it is, to be refused; one that money is lacking for is not made.
    """
    grows = _grows(desk, weights * equity / desk.price)
    weights = np.where(grows, weights, np.nan)
    full = weights * _equity_after(desk, weights, equity) / desk.price
    stays = np.where(grows, 0.0, np.abs(desk.held) * desk.price)
    left = _affordable_equity(desk, weights, equity, tied + float(stays.sum()))
    wanted = whole_lots(weights * left / desk.price, desk.lot_size)
    added = np.where(_grows(desk, wanted), wanted - desk.held, 0.0)
    added[_less_than_a_lot(desk, added)] = 0.0
    too_small = (desk.held == 0.0) & (whole_lots(full, desk.lot_size) == 0.0)
    added[too_small] = full[too_small]
    added[np.abs(added) * desk.price <= NOISE * left] = 0.0
    return added


def perpetual_quantity(
    weight: float, equity: float, close: float, fee: float, lot_size: float
) -> float:
    """The signed quantity that a weight of a perpetual comes to at its decision."""
    quantity = np.array([weight * equity / (close * (1.0 + fee))])
    return float(whole_lots(quantity, np.array([lot_size]))[0])


def taker_prices(price: Floats, side: Side, slippage: Floats, tick_size: Floats) -> Floats:
    """What takers pay, as `trading.costs.taker_price` says, one value a symbol."""
    slipped = price * (1.0 + side * slippage)
    return _stepped(slipped, tick_size, np.ceil if side == Side.BUY else np.floor)


def whole_lots(quantity: Floats, lot_size: Floats) -> Floats:
    """Signed quantities in whole lots, rounded towards 0, as `trading.costs.whole_lots` rounds."""
    return np.sign(quantity) * _stepped(np.abs(quantity), lot_size, np.floor)


def _stepped(values: Floats, size: Floats, rounded: np.ufunc) -> Floats:
    """Values of 0 and above in whole steps, where there are any; see `instrument.to_steps`."""
    steps = values / np.where(size > 0.0, size, 1.0)
    nearest = np.floor(steps + 0.5)
    on_step = np.abs(steps - nearest) <= STEP_TOLERANCE * steps
    whole = np.where(on_step, nearest, rounded(steps)) * size
    return np.where(size > 0.0, whole, values)


def _wanted(desk: Desk, weights: Floats, left: float) -> Floats:
    return whole_lots(weights * left / desk.price, desk.lot_size)


def _less_than_a_lot(desk: Desk, added: Floats) -> NDArray[np.bool_]:
    """Where a position would change, but not end, by less than can be ordered.

    What is held is between two lots where fees are paid in base.
    """
    changes = (desk.held != 0.0) & (added != -desk.held)
    small: NDArray[np.bool_] = changes & (whole_lots(added, desk.lot_size) == 0.0)
    return small


def _grows(desk: Desk, wanted: Floats) -> NDArray[np.bool_]:
    """Where a position gets larger on its side."""
    grows: NDArray[np.bool_] = (np.abs(wanted) > np.abs(desk.held)) & (wanted * desk.held >= 0.0)
    return grows


def _equity_after(desk: Desk, weights: Floats, equity: float) -> float:
    """E with E = equity - what it costs to get from what is held to weights x E.

    The cost is convex in E, so that Newton's method descends to the one solution.
    """
    per_equity = np.nan_to_num(weights / desk.price)
    untouched = np.isnan(weights)
    left = equity
    for _ in range(_ROUNDS):
        added = np.where(untouched, 0.0, per_equity * left - desk.held)
        cost, per_unit = desk.cost(added)
        slope = 1.0 + float((np.sign(added) * per_equity * per_unit).sum())
        step = (left + cost - equity) / slope
        left -= step
        if abs(step) <= 1e-16 * abs(left):
            break
    return left


def _affordable_equity(desk: Desk, weights: Floats, equity: float, tied: float) -> float:
    """The largest E for which positions of weights x E, where these grow, tie up what is there.

    Never above `_equity_after`. A position that would have to shrink for it stays as it is.
    """
    left = _equity_after(desk, weights, equity)
    per_equity = np.nan_to_num(weights / desk.price)
    for _ in range(_ROUNDS):
        wanted = per_equity * left
        moves = ~np.isnan(weights) & _grows(desk, wanted)
        added = np.where(moves, wanted - desk.held, 0.0)
        cost, per_unit = desk.cost(added)
        carried = np.where(np.isnan(weights), 0.0, np.where(moves, wanted, desk.held))
        needed = tied + float((np.abs(carried) * desk.price).sum())
        excess = needed - (equity - cost) * (1.0 - _SAFETY)
        if excess <= 0.0:
            break
        rate = np.abs(per_equity) * desk.price
        rate += np.sign(added) * per_equity * per_unit
        slope = float(rate[moves].sum())
        if slope <= 0.0 or excess / slope >= left:
            return 0.0
        left -= excess / slope
        if excess <= 1e-16 * equity:
            break
    return left
