"""Client order ids: derived, unique, read back, and taken by every venue."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.execution.errors import IdentityError
from runner.execution.identity import OrderIdentity, Purpose

SECONDS = st.integers(0, 36**6 - 1)
IDENTITIES = st.builds(
    OrderIdentity,
    st.text("0123456789abcdefghijklmnopqrstuvwxyz", min_size=2, max_size=2),
    st.integers(1, 36**4 - 1),
    SECONDS.map(lambda s: datetime(1970, 1, 1, tzinfo=UTC) + timedelta(seconds=s)),
    st.integers(0, 36**2 - 1),
    st.sampled_from(Purpose),
    st.integers(0, 35),
)
VENUES = {
    "binance": r"[.A-Z:/a-z0-9_-]{1,36}",
    "bybit": r"[A-Za-z0-9_-]{1,36}",
    "okx": r"[A-Za-z0-9]{1,32}",
    "kraken": r"[ -~]{1,18}",
}


def test_an_id_is_what_it_is_made_of() -> None:
    bar = datetime(2024, 1, 2, 3, tzinfo=UTC)
    one = OrderIdentity("k7", 100, bar, 1, Purpose.ENTRY)
    assert one.client_order_id == "rtk7002ss6m5o001e0"
    assert int("s6m5o0", 36) == bar.timestamp()


@given(IDENTITIES, IDENTITIES)
def test_ids_are_read_back_and_differ_where_anything_does(
    one: OrderIdentity, other: OrderIdentity
) -> None:
    assert OrderIdentity.read(one.client_order_id) == one
    assert (one.client_order_id == other.client_order_id) == (one == other)


@pytest.mark.parametrize("form", VENUES.values(), ids=VENUES)
@given(one=IDENTITIES)
def test_every_venue_takes_them(form: str, one: OrderIdentity) -> None:
    assert re.fullmatch(form, one.client_order_id)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "x-TKT5PX2F1234567890",
        "rtk7002ss6m5o001e",
        "rtk7002ss6m5o001e00",
        "RTk7002ss6m5o001e0",
        "rtk7002ss6m5o001z0",
        "rtk7000000m5o001e0",
        "rtk7002ss6m5o001e0\n",
    ],
)
def test_what_is_not_of_the_form_is_not_ours(text: str) -> None:
    assert OrderIdentity.read(text) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"installation": "K7"}, "two of a-z and 0-9, got 'K7'"),
        ({"bot": 0}, "bot must be from 1 to 1679615, got 0"),
        ({"bot": 36**4}, "bot must be from 1 to 1679615"),
        ({"sequence": 36**2}, "sequence must be from 0 to 1295"),
        ({"sequence": -1}, "sequence must be from 0 to 1295"),
        ({"attempt": 36}, "attempt must be from 0 to 35"),
        ({"bar": datetime(2024, 1, 1)}, "open_time in UTC and whole seconds"),
        ({"bar": datetime(2024, 1, 1, microsecond=1, tzinfo=UTC)}, "whole seconds"),
        ({"bar": datetime(1969, 1, 1, tzinfo=UTC)}, "bar must be from 0"),
        ({"bar": datetime(2100, 1, 1, tzinfo=UTC)}, "bar must be from 0"),
    ],
)
def test_what_does_not_fit_is_named(change: dict[str, Any], message: str) -> None:
    fits: dict[str, Any] = {
        "installation": "k7",
        "bot": 1,
        "bar": datetime(2024, 1, 1, tzinfo=UTC),
        "sequence": 0,
        "purpose": Purpose.EXIT,
    }
    with pytest.raises(IdentityError) as refused:
        OrderIdentity(**(fits | change))
    assert message in str(refused.value)
