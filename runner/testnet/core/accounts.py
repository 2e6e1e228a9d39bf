"""Accounts: keys with permissions, and balances of which a part may be set aside for orders."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from runner.testnet.core.markets import ZERO
from runner.testnet.core.refusals import Reason, RefusedError

READ, SPOT, LINEAR, WITHDRAW = "read", "spot", "linear", "withdraw"


class ApiKey(msgspec.Struct, kw_only=True):
    """A key of an account: what it may do, and whether it still may."""

    key: str
    secret: str
    account: str
    permissions: frozenset[str] = frozenset({READ, SPOT, LINEAR})
    revoked: bool = False


class Balance(msgspec.Struct):
    """Of one asset: what may be used, and what is set aside for orders."""

    free: Decimal = ZERO
    locked: Decimal = ZERO

    @property
    def total(self) -> Decimal:
        """All there is."""
        return self.free + self.locked


class Lock(msgspec.Struct):
    """What is set aside for one order, or for the legs of a list together."""

    asset: str
    amount: Decimal


class Account(msgspec.Struct, kw_only=True):
    """Whose orders, balances and settings these are.

    fee_asset: what fees are paid in: "received" (base for a buy, quote for a sell), "quote", or
    an asset such as "BNB", while there is enough of it.
    """

    name: str
    fee_asset: str = "received"
    maker_fee: Decimal | None = None  # None: the market's own
    taker_fee: Decimal | None = None
    balances: dict[str, Balance] = {}
    locks: dict[int, Lock] = {}
    next_lock: int = 1

    def balance(self, asset: str) -> Balance:
        """What it has of an asset."""
        return self.balances.setdefault(asset, Balance())

    def set_aside(self, asset: str, amount: Decimal) -> int:
        """Lock an amount for an order; RefusedError if it is not free."""
        balance = self.balance(asset)
        if amount > balance.free:
            raise RefusedError(
                Reason.INSUFFICIENT_BALANCE, f"{amount} {asset}, {balance.free} free"
            )
        balance.free -= amount
        balance.locked += amount
        number = self.next_lock
        self.next_lock += 1
        self.locks[number] = Lock(asset, amount)
        return number

    def spend(self, asset: str, amount: Decimal, lock: int = -1) -> None:
        """Take an amount out of a lock as far as it goes, and what is missing from the free."""
        balance = self.balance(asset)
        held = self.locks.get(lock)
        from_lock = min(amount, held.amount) if held and held.asset == asset else ZERO
        if amount - from_lock > balance.free:
            raise RefusedError(Reason.INSUFFICIENT_BALANCE, f"{amount} {asset}")
        if held and from_lock:
            held.amount -= from_lock
            balance.locked -= from_lock
        balance.free -= amount - from_lock

    def receive(self, asset: str, amount: Decimal) -> None:
        """Add to what is free."""
        self.balance(asset).free += amount

    def release(self, lock: int) -> None:
        """Give back what is left of a lock."""
        held = self.locks.pop(lock, None)
        if held is not None:
            balance = self.balance(held.asset)
            balance.locked -= held.amount
            balance.free += held.amount
