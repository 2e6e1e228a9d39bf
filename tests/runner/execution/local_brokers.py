"""Brokers at a local exchange by its URL alone, for whoever runs an engine against one."""

from __future__ import annotations

from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials
from runner.testnet import ccxt_config
from tests.runner.testnet.conftest import KEY, SECRET


def broker_of(venue: str, url: str, *, key: str = KEY, timeout: int = 10_000) -> CcxtBroker:
    """A broker of the account whose key it is; timeout: of a request, milliseconds."""
    overrides = {**ccxt_config(venue, url), "timeout": timeout}
    return CcxtBroker(venue, Credentials(key, SECRET), overrides=overrides)
