"""The scenarios run their kernel and event loop compiled, however short they are."""

from __future__ import annotations

import pytest

from robotrader_sdk.backtest import kernel


@pytest.fixture(scope="session", autouse=True)
def machine_code() -> None:
    for function in (kernel.run_signals, kernel.match_bar, kernel.place):
        assert function.dispatcher is not None
