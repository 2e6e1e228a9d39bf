"""What the control routes are asked, typed; what is not known is refused."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from runner.testnet.core.accounts import LINEAR, READ, SPOT


class Step(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Go on by `bars` closes; `through_fills`: without stopping at fills on the way."""

    bars: int = 1
    through_fills: bool = False


class NewClient(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Take part in a clock that waits for its clients."""

    name: str


class Acknowledgement(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All is done that was to do at a stop; `wait`: answer when the next one has come, or after
    so many seconds.
    """

    stop: int
    wait: float = 0.0


class NewKey(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """A key: its permissions are read, spot, linear and withdraw."""

    key: str
    secret: str
    permissions: frozenset[str] = frozenset({READ, SPOT, LINEAR})


class NewAccount(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """An account with balances and keys; see `runner.testnet.core.accounts.Account`."""

    name: str
    balances: dict[str, Decimal] = {}
    keys: list[NewKey] = []
    fee_asset: str = "received"
    maker_fee: Decimal | None = None
    taker_fee: Decimal | None = None


class Changes(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Settings to change; what is absent stays.

    speed: of the clock. limit_share: of the rate limits. fill_fraction, slippage, fill_on_touch:
    see `Settings`. fee_rates: what a fee coin is worth in quote. funding_rate: of what comes.
    """

    speed: str | None = None
    limit_share: float | None = None
    fill_fraction: Decimal | None = None
    slippage: float | None = None
    fill_on_touch: bool | None = None
    fee_rates: dict[str, Decimal] | None = None
    funding_rate: Decimal | None = None
