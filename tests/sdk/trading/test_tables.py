"""The tables of a book as memory: what is compared byte by byte must hold no chance bytes."""

from __future__ import annotations

import numpy as np
import pytest

from robotrader_sdk.trading.fill import FILL
from robotrader_sdk.trading.order import ORDER
from robotrader_sdk.trading.trade import LOT


@pytest.mark.parametrize("table", [ORDER, FILL, LOT], ids=["order", "fill", "lot"])
def test_rows_have_no_padding(table: np.dtype) -> None:
    assert table.itemsize == sum(table[name].itemsize for name in table.names)
