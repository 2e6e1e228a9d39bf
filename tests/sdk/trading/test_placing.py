"""Refusals that the strategy's own interface already prevents, at the rules themselves."""

from __future__ import annotations

import robotrader_sdk as rt
from robotrader_sdk.trading import placing
from robotrader_sdk.trading.book import new_ledger, new_tables, opened
from robotrader_sdk.trading.costs import make_terms
from robotrader_sdk.trading.order import Purpose, RejectReason, SizeUnit
from robotrader_sdk.types import OrderStatus, OrderType, Side


def test_risk_without_a_stop_is_rejected() -> None:
    book = opened(new_tables(new_ledger(10_000.0), make_terms(rt.Instrument(), rt.Fees(0, 0), 0.0)))
    row = placing.append_order(book, 0, Side.BUY, OrderType.MARKET, Purpose.ENTRY)
    order = book.orders[row]
    order["size_unit"], order["size"] = SizeUnit.RISK, 0.01
    placing.admit(book, 0, 100.0, row, 0.0, None)
    assert order["status"] == OrderStatus.REJECTED
    assert order["reject_reason"] == RejectReason.RISK_NEEDS_STOP
    assert (book.position["n_working"], book.position["n_rejected"]) == (0, 1)
