"""What goes into the database comes out exactly, and what would not is refused."""

from __future__ import annotations

import asyncio
from datetime import datetime, timedelta, timezone
from decimal import Decimal, localcontext
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from runner.storage.database import Database
from runner.storage.errors import ValueRefusedError
from runner.storage.types import canonical
from tests.runner.storage.rows import Note, add, create

EXACT = [
    ("0.000000000000000001", "0.000000000000000001"),
    ("12345678901234567890123456789.123456789012345678", None),
    ("-0.1", "-0.1"),
    ("1E+3", "1000"),
    ("-0.00", "0"),
    ("100", "100"),
    ("1.10", "1.1"),
]


def test_decimals_and_times_come_back_exactly(database_url: str) -> None:
    east = timezone(timedelta(hours=9))
    at = datetime(2024, 3, 31, 1, 59, 59, 999_999, tzinfo=east)

    async def run() -> list[Note]:
        async with Database(database_url) as database:
            await create(database)
            for number, (text, _) in enumerate(EXACT):
                await add(database, number, Decimal(text), at)
            async with database.reading() as session:
                return list(await session.scalars(select(Note).order_by(Note.id)))

    rows = asyncio.run(run())
    for row, (text, kept) in zip(rows, EXACT, strict=True):
        assert row.amount == Decimal(text)
        assert canonical(row.amount or Decimal(0)) == (kept or text)
        assert row.at == at
        assert row.at is not None
        assert row.at.utcoffset() == timedelta(0)


@settings(max_examples=300, deadline=None)
@given(st.decimals(allow_nan=False, allow_infinity=False, places=18, min_value=-(10**20)))
def test_the_text_of_a_number_says_it_exactly_and_in_one_way(number: Decimal) -> None:
    text = canonical(number)
    assert Decimal(text) == number
    with localcontext(prec=80):
        assert canonical(number.normalize()) == canonical(number * Decimal("1.000")) == text
    assert "E" not in text


@pytest.mark.parametrize(
    ("amount", "at", "message"),
    [
        (1.5, None, "money and quantities are Decimal, got 1.5 (float)"),
        (True, None, "money and quantities are Decimal, got True (bool)"),
        ("1", None, "got '1' (str)"),
        (Decimal("NaN"), None, "no number that can be kept"),
        (Decimal("Infinity"), None, "no number that can be kept"),
        (Decimal(10) ** 70, None, "more than 60 characters"),
        (None, datetime(2024, 1, 1), "a time needs its zone"),
        (None, "2024-01-01", "a time needs its zone"),
    ],
)
def test_what_would_not_come_back_is_refused(
    database_url: str, amount: Any, at: Any, message: str
) -> None:
    async def run() -> None:
        async with Database(database_url) as database:
            await create(database)
            with pytest.raises(ValueRefusedError) as refused:
                await add(database, 1, amount, at)
            assert message in str(refused.value)
            async with database.reading() as session:
                assert (await session.scalars(select(Note))).all() == []

    asyncio.run(run())
