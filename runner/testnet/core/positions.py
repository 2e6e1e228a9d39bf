"""Positions in linear perpetuals, and what an account has agreed on for each market."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from runner.testnet.core.markets import ZERO


class Position(msgspec.Struct, kw_only=True):
    """One account's position in one market, one-way; flat while `quantity` is 0.

    quantity: base units, negative for a short. entry_value: quantity x mean entry price, signed
    alike. margin: what was posted for it, in quote. stop_orders: the numbers of the take-profit
    and stop-loss that protect the whole position. hedged: whether the market has been switched to
    a long and a short position beside each other, in which nothing is traded here.
    """

    account: str
    symbol: str
    quantity: Decimal = ZERO
    entry_value: Decimal = ZERO
    margin: Decimal = ZERO
    leverage: Decimal = Decimal(10)
    realized: Decimal = ZERO
    funding: Decimal = ZERO
    created_ms: int = 0
    updated_ms: int = 0
    lock: int = -1
    hedged: bool = False

    @property
    def entry_price(self) -> Decimal:
        """The mean price at which it was opened; 0 while it is flat."""
        return self.entry_value / self.quantity if self.quantity else ZERO


class Money(msgspec.Struct, frozen=True, kw_only=True):
    """An account's margin, all in quote.

    wallet: the balance. equity: with the unrealized pnl. initial: posted for positions and set
    aside for orders. maintenance: what must be kept. available: what is left for new orders.
    """

    wallet: Decimal
    equity: Decimal
    unrealized: Decimal
    initial_positions: Decimal
    initial_orders: Decimal
    maintenance: Decimal
    available: Decimal

    @property
    def initial(self) -> Decimal:
        """All that is posted or set aside."""
        return self.initial_positions + self.initial_orders
