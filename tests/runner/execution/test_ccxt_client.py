"""Which exchanges there are, which credentials can be some, and what a client is told."""

from __future__ import annotations

import asyncio
import traceback

import pytest

from runner.execution.ccxt_broker import CcxtBroker
from runner.execution.ccxt_client import Credentials, new_client
from runner.execution.errors import ExchangeUnknownError, KeyRefusedError

CREDENTIALS = Credentials("a-key-of-some-length", "a-secret-of-some-length")
PEM = "-----BEGIN EC PRIVATE KEY-----\nMHcCAQEE IJx\n-----END EC PRIVATE KEY-----\n"


@pytest.mark.parametrize(
    ("exchange", "said"),
    [
        ("binanse", "did you mean 'binance'"),
        ("Bybit", "did you mean 'bybit'"),
        ("nowhere", "there are binance, bybit"),
        ("", "there are binance, bybit"),
        ("binanceusdm", "For perpetuals use bybit"),
        ("binancecoinm", "nothing here is tested"),
        ("kraken", "RT_EXPERIMENTAL_VENUES=1"),
        ("coinbase", "RT_EXPERIMENTAL_VENUES=1"),
        ("okx", "RT_EXPERIMENTAL_VENUES=1"),
        ("Exchange", "there are binance, bybit"),
    ],
)
def test_an_exchange_that_is_not_supported_is_refused_with_what_to_do(exchange, said):
    with pytest.raises(ExchangeUnknownError, match=said):
        CcxtBroker(exchange, CREDENTIALS, environ={"RT_EXPERIMENTAL_VENUES": "yes"})


@pytest.mark.parametrize("exchange", ["kraken", "coinbase", "okx"])
def test_experiments_are_let_in_by_a_switch(exchange):
    client = new_client(exchange, CREDENTIALS, environ={"RT_EXPERIMENTAL_VENUES": "1"})
    assert client.id == exchange


@pytest.mark.parametrize(
    ("credentials", "said"),
    [
        (Credentials("", "hidden-secret"), "API key is empty"),
        (Credentials("hidden-key", ""), "API secret is empty"),
        (Credentials(" hidden-key", "hidden-secret"), "API key has blanks"),
        (Credentials("hidden-key", "hidden-secret\n"), "API secret has blanks"),
        (Credentials("hidden key", "hidden-secret"), "API key has blanks"),
        (Credentials("hidden-kéy", "hidden-secret"), "API key has blanks"),
        (Credentials("hidden-key", "hidden\x00secret"), "API secret has blanks"),
        (Credentials("hidden-key", "hidden-secret", "hidden "), "API passphrase has blanks"),
    ],
)
def test_credentials_that_cannot_be_some_are_refused_unseen(credentials, said):
    with pytest.raises(KeyRefusedError, match=said) as raised:
        CcxtBroker("binance", credentials)
    assert "hidden" not in "".join(traceback.format_exception(raised.value))
    assert "hidden" not in repr(credentials)


def test_a_pem_is_a_secret():
    client = new_client("binance", Credentials("key", PEM))
    assert client.secret == PEM


def test_a_client_sends_each_request_once_and_at_once():
    async def look():
        given = {"options": {"recvWindow": 5000}, "urls": {"api": {"public": "http://here"}}}
        client = new_client("binance", None, overrides=given)
        try:
            assert client.options["recvWindow"] == 5000
            assert client.options["defaultType"] == "spot"
            assert client.options["maxRetriesOnFailure"] == 0
            assert client.urls["api"]["public"] == "http://here"
            assert client.urls["api"]["private"].startswith("https://")
            assert (client.enableRateLimit, client.timeout) == (False, 10_000)
            assert not client.apiKey
        finally:
            client.timeout_on_exit = 0
            await client.close()

    asyncio.run(look())
