"""Moves of orders: the only place where a status changes."""

from __future__ import annotations

from datetime import datetime

from runner.execution.broker import OrderReport
from runner.execution.journal.tables import OrderRow
from runner.execution.status import Status, check_move


def move(order: OrderRow, status: Status, at: datetime, reason: str = "") -> None:
    """Give an order a status; IllegalMoveError if it can't have it now."""
    if status is order.status:
        return
    check_move(order.client_order_id, order.status, status)
    order.status = status
    if reason:
        order.reason = reason
    if status.is_final:
        order.is_open, order.ended_at = False, at


def take_report(order: OrderRow, report: OrderReport, at: datetime) -> None:
    """Take in what the exchange says of an order.

    It ends only when all the fills it is said to have are here, so that none is forgotten.
    """
    if not order.is_open:
        return
    order.exchange_order_id = report.exchange_order_id or order.exchange_order_id
    order.reported = max(order.reported, report.filled)
    if report.status.is_final and order.filled >= order.reported:
        move(order, report.status, at, report.reason)
    elif order.status is not Status.WORKING:
        move(order, Status.WORKING, at)
