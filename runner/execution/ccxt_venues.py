"""In what the exchanges differ, as a table; what is the same for all is in ccxt_broker."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

from runner.execution.broker import StopChange
from runner.execution.status import Status


class LookUp(Enum):
    """How an order is found by its client order id."""

    ASK = auto()  # by one request for an order
    ASK_BOTH = auto()  # the same, and once more among the orders that wait for a trigger
    OPEN_THEN_PAST = auto()  # among the open orders, then among the past ones, both filtered
    SEARCH = auto()  # the venue can't filter: through the lists


@dataclass(frozen=True, slots=True, kw_only=True)
class Venue:
    """One exchange's ways.

    client_id: the parameter of a new order that carries its client order id. asked_id: the same
    where an order is looked up or cancelled; "" where it is cancelled by the exchange's id only.
    trigger: the parameter of a stop's price. status_field, statuses: where the venue's own status
    is, and what it means; ccxt takes some of them for others. separate_triggers: whether stops are
    listed and cancelled apart from other spot orders. infers_direction: whether spot stops have
    no direction of their own, so that one the price has passed would wait for it to come back.
    stop_change: of spot. cost_params: what else a market buy by cost says. stop_id: what else
    carries the client order id of a stop, where stops are a kind of their own. bars_a_page: how
    many bars a request gives; None: fewer than were asked for, so that a short page need not be
    the last.
    """

    client_id: str
    asked_id: str
    look_up: LookUp
    trigger: str = "stopLossPrice"
    status_field: str = "status"
    statuses: Mapping[str, Status] = field(default_factory=dict)
    separate_triggers: bool = False
    infers_direction: bool = False
    has_stop_market: bool = True
    has_perpetuals: bool = False
    stop_locks_balance: bool = True
    stop_change: StopChange = StopChange.ONE_BY_ONE
    fee_in_base: bool = False
    order_params: Mapping[str, Any] = field(default_factory=dict)
    cost_params: Mapping[str, Any] = field(default_factory=dict)
    stop_id: str = ""
    bars_a_page: int | None = None


UNIFIED_STATUSES: Mapping[str, Status] = {
    "open": Status.WORKING,
    "closed": Status.FILLED,
    "canceled": Status.CANCELLED,
    "expired": Status.EXPIRED,
    "rejected": Status.REJECTED,
}
"""Ccxt's own words, where a venue's are not better."""

_BINANCE = Venue(
    client_id="newClientOrderId",
    asked_id="origClientOrderId",
    look_up=LookUp.ASK,
    statuses={
        "NEW": Status.WORKING,
        "PENDING_NEW": Status.WORKING,
        "PARTIALLY_FILLED": Status.WORKING,
        "PENDING_CANCEL": Status.WORKING,
        "FILLED": Status.FILLED,
        "CANCELED": Status.CANCELLED,
        "REJECTED": Status.REJECTED,
        "EXPIRED": Status.EXPIRED,
        "EXPIRED_IN_MATCH": Status.EXPIRED,
    },
    order_params={"newOrderRespType": "FULL"},
    stop_change=StopChange.REPLACE,
    fee_in_base=True,
    bars_a_page=1_000,
)
_BYBIT = Venue(
    client_id="orderLinkId",
    asked_id="orderLinkId",
    look_up=LookUp.OPEN_THEN_PAST,
    trigger="triggerPrice",
    status_field="orderStatus",
    statuses={
        "Created": Status.WORKING,
        "New": Status.WORKING,
        "PartiallyFilled": Status.WORKING,
        "PendingCancel": Status.WORKING,
        "Untriggered": Status.WORKING,
        "Triggered": Status.WORKING,
        "Active": Status.WORKING,
        "Filled": Status.FILLED,
        # Ccxt says "closed" of this one.
        "PartiallyFilledCanceled": Status.CANCELLED,
        "Cancelled": Status.CANCELLED,
        "Deactivated": Status.CANCELLED,
        "Rejected": Status.REJECTED,
    },
    separate_triggers=True,
    infers_direction=True,
    has_perpetuals=True,
    # https://bybit-exchange.github.io/docs/v5/order/create-order: a conditional order takes no
    # balance until it is triggered. So a second sell could rest beside it, and both could fill:
    # of spot it is treated as if it did.
    stop_locks_balance=True,
    stop_change=StopChange.AMEND,
    fee_in_base=True,
    cost_params={"marketUnit": "quoteCoin"},
    bars_a_page=1_000,
)
_KRAKEN = Venue(
    client_id="cl_ord_id",
    asked_id="cl_ord_id",
    look_up=LookUp.OPEN_THEN_PAST,
    # Its trades do not tell what a fee was paid in: in quote, always.
    order_params={"oflags": "fciq"},
)
_COINBASE = Venue(
    # Ccxt drops clientOrderId here, and sends an id of its own.
    client_id="client_order_id",
    asked_id="",
    look_up=LookUp.SEARCH,
    has_stop_market=False,
)
_OKX = Venue(
    client_id="clOrdId",
    asked_id="clOrdId",
    look_up=LookUp.ASK_BOTH,
    separate_triggers=True,
    stop_locks_balance=False,
    fee_in_base=True,
    stop_id="algoClOrdId",
)

VENUES: Mapping[str, Venue] = {
    "binance": _BINANCE,
    "bybit": _BYBIT,
    "kraken": _KRAKEN,
    "coinbase": _COINBASE,
    "okx": _OKX,
}
