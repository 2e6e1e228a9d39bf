"""What a reply comes to, by what was asked."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from runner.execution.ccxt_errors import Doing, Failure
from runner.execution.ccxt_replies import Asked, read_reply
from runner.execution.errors import (
    ExchangeUnreachableError,
    FundsLackingError,
    OrderMissingError,
    OrderRefusedError,
    OrderUnchangedError,
    UnknownOutcomeError,
    WouldTriggerError,
)

NO_ORDER = '{"code": -2013, "msg": "Order does not exist."}'
NOT_CANCELLED = (
    '{"code": -2022, "msg": "Order cancel-replace failed.", "data": {"cancelResult": "FAILURE", '
    '"newOrderResult": "NOT_ATTEMPTED", "cancelResponse": {"code": -2011, "msg": "Unknown order '
    'sent."}, "newOrderResponse": null}}'
)
NOT_PLACED = (
    '{"code": -2021, "msg": "Order cancel-replace partially failed.", "data": {"cancelResult": '
    '"SUCCESS", "newOrderResult": "FAILURE", "cancelResponse": {"orderId": 1}, '
    '"newOrderResponse": {"code": %d, "msg": "%s"}}}'
)
UNCHANGED = '{"retCode": 10001, "retMsg": "The order remains unchanged as the parameters match"}'


def error_of(exchange, doing, status, body):
    asked = Asked(n_sent=1)
    asked.note(read_reply(exchange, status, {}, body))
    return Failure(exchange, doing, asked, Exception(), datetime.now(UTC)).translated()


@pytest.mark.parametrize(
    ("doing", "expected"),
    [
        (Doing.FIND, OrderMissingError),
        (Doing.CANCEL, OrderMissingError),
        (Doing.CHANGE, OrderMissingError),
        # A reply that comes twice is read as the answer to the next question.
        (Doing.READ, ExchangeUnreachableError),
        (Doing.SUBMIT, OrderRefusedError),
    ],
)
def test_that_there_is_no_order_is_an_answer_only_where_one_was_asked_for(doing, expected):
    assert type(error_of("binance", doing, 400, NO_ORDER)) is expected


def test_an_order_that_binance_has_archived_is_missing():
    """After 90 days, and only what has filled nothing: to send it again sells nothing twice."""
    archived = (
        '{"code": -2026, "msg": "Order was canceled or expired with no executed qty over 90 days '
        'ago and has been archived."}'
    )
    assert type(error_of("binance", Doing.FIND, 400, archived)) is OrderMissingError


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (NOT_CANCELLED, OrderMissingError),
        (NOT_PLACED % (-2010, "Stop price would trigger immediately."), WouldTriggerError),
        (NOT_PLACED % (-2010, "Account has insufficient balance."), FundsLackingError),
        (NOT_PLACED % (-1013, "Filter failure: NOTIONAL"), OrderRefusedError),
        (NOT_PLACED % (-1007, "Timeout waiting for response from backend."), UnknownOutcomeError),
        ('{"code": -2022, "msg": "Order cancel-replace failed."}', OrderRefusedError),
    ],
)
def test_of_a_cancel_replace_the_half_that_failed_says_why(body, expected):
    assert type(error_of("binance", Doing.CHANGE, 409, body)) is expected


def test_that_nothing_changes_is_no_refusal_of_what_was_wanted():
    assert type(error_of("bybit", Doing.CHANGE, 200, UNCHANGED)) is OrderUnchangedError


@pytest.mark.parametrize(
    ("code", "expected"),
    [
        ("170139", OrderMissingError),  # it has been filled
        ("170142", OrderMissingError),  # it has been cancelled
        ("170144", OrderRefusedError),  # it is locked: nobody says that it has ended
        ("170191", OrderRefusedError),  # "please try again later"
    ],
)
def test_of_what_bybit_does_not_cancel_only_what_has_ended_is_missing(code, expected):
    body = f'{{"retCode": {code}, "retMsg": "it is not cancelled"}}'
    assert type(error_of("bybit", Doing.CANCEL, 200, body)) is expected
