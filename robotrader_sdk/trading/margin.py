"""Perpetuals: what backs a position, what its funding costs, and when it is liquidated.

The fill contract for a linear perpetual. Nothing but margin leaves the cash when a position is
opened: its cost is kept as `entry_value`, and equity = cash + quantity x price - entry_value.

- An order that would need more margin than the equity leaves is rejected. Initial margin is
  notional / leverage. In cross margin the whole equity backs all positions; in isolated margin
  each has what was posted for it when it was opened, released in proportion as it is closed.
- Funding is paid at its own instants: rate x mark x quantity, from longs to shorts while the
  rate is above 0. An instant belongs to the bar that contains it, after the fills at that bar's
  open. Isolated margin shrinks only by what the free cash can't pay, and what is received is free.
- A position is liquidated when what backs it, unrealized pnl included, is down to its
  maintenance margin at the adverse extreme of the mark price inside the bar. It ranks among the
  adverse stops: nearer levels go first, and at the same level the liquidation. If the mark opens
  beyond the level, it comes before everything else, at the open. It fills at its level, moved
  into the bar's range, and cancels the symbol's working orders. What the market went beyond the
  margin is the exchange's loss: neither price nor fee takes more than what backs the position.
- A position that was opened inside the bar may be liquidated in it; the trade is ambiguous then.
"""

from __future__ import annotations

import math
from typing import NamedTuple

from robotrader_sdk.compiled import rule
from robotrader_sdk.trading.book import Book, Table
from robotrader_sdk.trading.ledger import AFFORDABLE
from robotrader_sdk.trading.order import RejectReason
from robotrader_sdk.trading.tiers import liquidation_price, tier_of

_NOISE = 1e-9
"""Relative size below which a remaining quantity or a distance is float noise."""


class Perpetual(NamedTuple):
    """What a perpetual has beyond its bars: its tiers, and one value a bar of the rest.

    `funding` is what one base unit held long pays in the bar: the sum of rate x mark.
    """

    tiers: Table
    mark_open: Table
    mark_high: Table
    mark_low: Table
    funding: Table


@rule
def margin_refusal(
    book: Book, perp: Perpetual, before: float, added: float, price: float, equity: float
) -> int:
    """Why a position can't be changed by a signed quantity, given the equity after its fee."""
    after = before + added
    if abs(after) <= abs(before) and after * before >= 0.0:
        return RejectReason.NONE.value
    leverage = book.terms["leverage"]
    if perp.tiers[tier_of(perp.tiers, abs(after) * price)]["max_leverage"] < leverage:
        return RejectReason.LEVERAGE_ABOVE_TIER.value
    needed = abs(after) * price / leverage
    if book.terms["isolated"] == 1 and before * added > 0.0:
        position = book.position
        stays = position["margin"] + before * price - position["entry_value"]
        needed = stays + abs(added) * price / leverage
    if needed > (equity - book.ledger["tied"]) * AFFORDABLE:
        return RejectReason.INSUFFICIENT_MARGIN.value
    return RejectReason.NONE.value


@rule
def book_margined(book: Book, added: float, price: float, fee: float) -> None:
    """Book a fill of a perpetual: realize the pnl of what it closes, post margin for the rest."""
    ledger, position = book.ledger, book.position
    before = position["quantity"]
    opened = added
    if before * added < 0.0:
        share = min(abs(added) / abs(before), 1.0)
        ledger["cash"] = ledger["cash"] + share * (before * price - position["entry_value"])
        position["entry_value"] = position["entry_value"] * (1.0 - share)
        position["margin"] = position["margin"] * (1.0 - share)
        opened = added + share * before
    if abs(opened) <= _NOISE * abs(added):
        opened = 0.0
    after = before + added
    if abs(after) <= _NOISE * abs(added):
        after = 0.0
        position["entry_value"] = 0.0
        position["margin"] = 0.0
    position["quantity"] = after
    position["entry_value"] = position["entry_value"] + opened * price
    position["margin"] = position["margin"] + abs(opened) * price / book.terms["leverage"]
    ledger["cash"] = ledger["cash"] - fee
    ledger["fees"] = ledger["fees"] + fee
    ledger["traded"] = ledger["traded"] + abs(added) * price


@rule
def pay_funding(book: Book, rate_times_mark: float) -> None:
    """Pay or receive the funding of the position as it is."""
    ledger, position = book.ledger, book.position
    paid = rate_times_mark * position["quantity"]
    ledger["cash"] = ledger["cash"] - paid
    position["funding"] = position["funding"] + paid
    free = ledger["cash"] + ledger["elsewhere"] - ledger["tied"]
    position["margin"] = min(position["margin"], free)
    for k in range(position["n_open"]):
        lot = book.lots[book.open_lots[k]]
        lot["funding"] = lot["funding"] + rate_times_mark * lot["direction"] * lot["quantity"]


@rule
def backing(book: Book) -> float:
    """What stands behind the position before its own unrealized pnl."""
    if book.terms["isolated"] == 1:
        return float(book.position["margin"])
    return float(book.ledger["cash"] + book.ledger["pooled"])


@rule
def liquidation_level(book: Book, perp: Perpetual) -> float:
    """The mark price that liquidates the position; NaN: none does."""
    position = book.position
    quantity = position["quantity"]
    if quantity == 0.0:
        return math.nan
    behind = backing(book)
    if book.terms["isolated"] == 0:
        behind -= book.ledger["maintained"]
    return liquidation_price(perp.tiers, quantity, position["entry_value"], behind)


@rule
def reaches(quantity: float, mark: float, level: float) -> bool:
    """Whether a mark price is at or beyond the level that liquidates a position."""
    direction = 1.0 if quantity > 0.0 else -1.0
    return direction * mark <= direction * level + _NOISE * abs(level)


@rule
def bounded_price(book: Book, price: float) -> float:
    """A liquidation's price, no worse than the one that uses up all that backs the position."""
    quantity = book.position["quantity"]
    bankrupt = (book.position["entry_value"] - backing(book)) / quantity
    return float(max(price, bankrupt) if quantity > 0.0 else min(price, bankrupt))


@rule
def bounded_fee(book: Book, price: float, fee: float) -> float:
    """A liquidation's fee, no more than what is left of what backs the position."""
    position = book.position
    left = backing(book) + position["quantity"] * price - position["entry_value"]
    return float(min(fee, max(left, 0.0)))
