"""Fees: what is refused."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import BacktestError


def test_the_default_is_a_tenth_of_a_percent() -> None:
    assert (rt.Fees().maker, rt.Fees().taker) == (0.001, 0.001)


def test_numbers_of_many_kinds_are_read() -> None:
    fees = rt.Fees(maker=np.float64(-0.0001), taker=0)
    assert (fees.maker, fees.taker) == (-0.0001, 0.0)
    assert type(fees.maker) is float


@pytest.mark.parametrize("fee", [1, 1.0, 10, -1, math.nan, math.inf, "0.001", None])
@pytest.mark.parametrize("name", ["maker", "taker"])
def test_what_is_no_fraction_is_refused(name: str, fee: Any) -> None:
    with pytest.raises(BacktestError) as caught:
        rt.Fees(**{name: fee})
    for word in (f"fees.{name}", "fraction", repr(fee)):
        assert word in str(caught.value)
