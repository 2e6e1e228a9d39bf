"""What a key may do, where the venue tells."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from runner.execution.broker import KeyRight, KeyRights
from runner.execution.ccxt_reports import as_row


async def rights_of(client: Any) -> KeyRights:
    """What the client's key may do; KeyRights(None) where it can't be asked."""
    read = _READERS.get(client.id)
    if read is None:
        return KeyRights(None)
    return await read(client)


async def _binance(client: Any) -> KeyRights:
    # /api/v3/account has canWithdraw, which is the account's and not the key's.
    if not str(client.urls["api"].get("sapi") or ""):
        return KeyRights(None)
    told = as_row(await client.sapiGetAccountApiRestrictions({}))
    if "enableWithdrawals" not in told:
        return KeyRights(None)
    return _rights(
        read=told.get("enableReading") is True,
        trade=told.get("enableSpotAndMarginTrading") is True,
        # What moves money to another account is as good as a withdrawal.
        withdraw=told["enableWithdrawals"] is True or told.get("enableInternalTransfer") is True,
    )


async def _bybit(client: Any) -> KeyRights:
    told = as_row(as_row(await client.privateGetV5UserQueryApi({})).get("result"))
    permissions: Mapping[str, Any] = as_row(told.get("permissions"))
    wallet = permissions.get("Wallet") or []
    trade = [*(permissions.get("Spot") or []), *(permissions.get("ContractTrade") or [])]
    return _rights(
        read=True,
        trade=bool(trade) and str(told.get("readOnly")) == "0",
        withdraw="Withdraw" in wallet,
    )


def _rights(*, read: bool, trade: bool, withdraw: bool) -> KeyRights:
    has = {KeyRight.READ: read, KeyRight.TRADE: trade, KeyRight.WITHDRAW: withdraw}
    return KeyRights(frozenset(right for right, is_given in has.items() if is_given))


_READERS: dict[str, Callable[[Any], Awaitable[KeyRights]]] = {
    "binance": _binance,
    "bybit": _bybit,
}
