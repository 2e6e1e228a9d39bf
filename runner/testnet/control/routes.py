"""/_control: what tests and people turn; README.md of the package lists it all."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

import msgspec
from sanic import Blueprint, HTTPResponse, Request

from runner.errors import TestnetError
from runner.testnet.control.requests import (
    Acknowledgement,
    Changes,
    NewAccount,
    NewClient,
    Step,
)
from runner.testnet.core.accounts import Account, ApiKey, Balance
from runner.testnet.core.session import Stop
from runner.testnet.faults import FaultRequest
from runner.testnet.local import LocalExchange
from runner.testnet.state import load, save

T = TypeVar("T")
Answer = Callable[..., Awaitable[Any]]

_LONGEST_WAIT = 60.0


def blueprint(local: LocalExchange) -> Blueprint:
    """All control routes."""
    control = Control(local)
    made = Blueprint("control", url_prefix="/_control")
    for method, path, answer in (
        ("GET", "/", control.overview),
        ("POST", "/step", control.step),
        ("GET", "/clients", control.clients),
        ("POST", "/clients", control.register),
        ("DELETE", "/clients/<name>", control.leave),
        ("POST", "/clients/<name>/ack", control.acknowledge),
        ("GET", "/faults", control.faults),
        ("POST", "/faults", control.set_fault),
        ("DELETE", "/faults", control.clear_faults),
        ("DELETE", "/faults/<number:int>", control.remove_fault),
        ("GET", "/accounts", control.accounts),
        ("POST", "/accounts", control.open_account),
        ("GET", "/settings", control.settings),
        ("PATCH", "/settings", control.change_settings),
        ("GET", "/ledger", control.ledger),
        ("GET", "/state", control.save_state),
        ("PUT", "/state", control.load_state),
    ):
        name = f"{method.lower()}-{answer.__name__}"
        made.add_route(_answered(answer), path, methods=[method], name=name)
    return made


class Control:
    """Answers the control routes."""

    def __init__(self, local: LocalExchange) -> None:
        self._local = local
        self._exchange = local.exchange

    async def overview(self) -> dict[str, Any]:
        """Where everything stands."""
        tape, driver = self._exchange.tape, self._local.driver
        return {
            "time": self._exchange.clock.now_ms,
            "speed": self._exchange.clock.speed,
            "bar": tape.number,
            "bars": len(tape.times),
            "over": tape.is_over,
            "stop": driver.n_stops,
            "last_stop": _shown(driver.last_stop),
            "prices": dict(tape.last_prices),
            "entries": len(self._local.ledger.entries),
        }

    async def step(self, request: Request) -> dict[str, Any]:
        """Go on to the next stop."""
        asked = _read(request, Step)
        stop = self._local.driver.step(asked.bars, through_fills=asked.through_fills)
        self._local.ledger.add("control", what="step", bars=asked.bars, at=stop.at)
        return {"stop": self._local.driver.n_stops, **(_shown(stop) or {}),
                "over": self._exchange.tape.is_over}  # fmt: skip

    async def clients(self) -> dict[str, Any]:
        """The registered clients and what they have acknowledged."""
        return {"stop": self._local.driver.n_stops, "clients": self._local.driver.clients}

    async def register(self, request: Request) -> dict[str, Any]:
        """Take part in a clock that waits for its clients."""
        name = _read(request, NewClient).name
        stop = self._local.driver.register(name)
        self._local.ledger.add("control", what="register", client=name)
        return {"client": name, "stop": stop}

    async def leave(self, name: str) -> dict[str, Any]:
        """Take no more part."""
        self._local.driver.leave(name)
        self._local.ledger.add("control", what="leave", client=name)
        return {"client": name}

    async def acknowledge(self, request: Request, name: str) -> dict[str, Any]:
        """All is done at a stop; the number of the last one, after a wait for the next."""
        asked, driver = _read(request, Acknowledgement), self._local.driver
        driver.acknowledge(name, asked.stop)
        last = driver.n_stops
        if asked.wait > 0 and last <= asked.stop:
            last = await driver.wait_for(asked.stop, min(asked.wait, _LONGEST_WAIT))
        return {"stop": last, "time": self._exchange.clock.now_ms,
                "over": self._exchange.tape.is_over}  # fmt: skip

    async def faults(self) -> list[dict[str, Any]]:
        """The faults that are set."""
        return [fault.shown() for fault in self._local.faults]

    async def set_fault(self, request: Request) -> dict[str, Any]:
        """Set a fault."""
        return self._local.faults.add(_read(request, FaultRequest)).shown()

    async def remove_fault(self, number: int) -> dict[str, Any]:
        """Take a fault back."""
        return self._local.faults.remove(number).shown()

    async def clear_faults(self) -> list[dict[str, Any]]:
        """Take all faults back."""
        return [self._local.faults.remove(f.number).shown() for f in self._local.faults]

    async def accounts(self) -> list[dict[str, Any]]:
        """The accounts with their balances, and the names of their keys."""
        keys = self._exchange.keys.values()
        return [
            {
                "name": account.name,
                "fee_asset": account.fee_asset,
                "balances": account.balances,
                "keys": [key.key for key in keys if key.account == account.name],
            }
            for account in self._exchange.accounts.values()
        ]

    async def open_account(self, request: Request) -> dict[str, Any]:
        """Open an account with balances and keys."""
        asked = _read(request, NewAccount)
        _check_new(self._local, asked)
        account = Account(
            name=asked.name,
            fee_asset=asked.fee_asset,
            maker_fee=asked.maker_fee,
            taker_fee=asked.taker_fee,
            balances={asset: Balance(amount) for asset, amount in asked.balances.items()},
        )
        keys = [
            ApiKey(key=k.key, secret=k.secret, account=asked.name, permissions=k.permissions)
            for k in asked.keys
        ]
        self._exchange.open_account(account, *keys)
        self._local.ledger.add("control", what="open_account", account=asked.name,
                               balances=asked.balances)  # fmt: skip
        return {"name": account.name}

    async def settings(self) -> dict[str, Any]:
        """The settings."""
        how = self._exchange.settings
        return {
            "speed": self._exchange.clock.speed,
            "limit_share": self._local.limit_share,
            "fill_fraction": how.fill_fraction,
            "slippage": how.slippage,
            "fill_on_touch": how.fill_on_touch,
            "fee_rates": how.fee_rates,
            "funding_rate": how.funding_rate,
        }

    async def change_settings(self, request: Request) -> dict[str, Any]:
        """Change some settings."""
        asked = _read(request, Changes)
        self._exchange.change_settings(
            fill_fraction=asked.fill_fraction,
            slippage=asked.slippage,
            fill_on_touch=asked.fill_on_touch,
            fee_rates=asked.fee_rates,
            funding_rate=asked.funding_rate,
        )
        if asked.limit_share is not None:
            if not asked.limit_share >= 0:
                raise TestnetError(f"limit_share is not negative, got {asked.limit_share}")
            self._local.limit_all(asked.limit_share)
        if asked.speed is not None:
            self._exchange.clock.restart_at(self._exchange.clock.now_ms, asked.speed)
        changed = {k: v for k, v in msgspec.structs.asdict(asked).items() if v is not None}
        self._local.ledger.add("control", what="settings", **changed)
        return await self.settings()

    async def ledger(self, request: Request) -> dict[str, Any]:
        """Entries, by `kind`, with numbers larger than `after`, `limit` of them at most."""
        kind = request.args.get("kind", "")
        after, limit = _whole(request, "after", 0), _whole(request, "limit", 1_000_000)
        entries = list(self._local.ledger.read(kind, after or 0, limit))
        return {"entries": entries, "last": len(self._local.ledger.entries)}

    async def save_state(self) -> HTTPResponse:
        """Everything that has happened, to be loaded again."""
        document = save(self._exchange, self._local.ledger)
        return HTTPResponse(document, content_type="application/json")

    async def load_state(self, request: Request) -> dict[str, Any]:
        """Become a saved exchange."""
        load(self._exchange, self._local.ledger, request.body)
        return await self.overview()


def _answered(answer: Answer) -> Callable[..., Coroutine[Any, Any, HTTPResponse]]:
    """An answer as JSON; what can't be done is told with a 400 and the reason."""
    reads_request = "request" in inspect.signature(answer).parameters

    async def respond(request: Request, **path: Any) -> HTTPResponse:
        try:
            content = await (answer(request, **path) if reads_request else answer(**path))
        except TestnetError as error:
            return _json({"error": str(error)}, 400)
        return content if isinstance(content, HTTPResponse) else _json(content, 200)

    return respond


def _json(content: Any, status: int) -> HTTPResponse:
    return HTTPResponse(msgspec.json.encode(content), status, content_type="application/json")


def _read(request: Request, kind: type[T]) -> T:
    try:
        return msgspec.json.decode(request.body or b"{}", type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise TestnetError(f"the body of {request.path} is not as expected: {error}") from None


def _whole(request: Request, name: str, default: int) -> int:
    text = request.args.get(name, str(default))
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise TestnetError(f"{name} is a whole number, got {text!r}")
    return int(text)


def _check_new(local: LocalExchange, asked: NewAccount) -> None:
    exchange = local.exchange
    if not asked.name or asked.name in exchange.accounts:
        raise TestnetError(f"there is an account {asked.name!r} already; choose another name")
    for key in asked.keys:
        if not key.key or key.key in exchange.keys:
            raise TestnetError(f"there is a key {key.key!r} already; choose another")
    for asset, amount in asked.balances.items():
        if not amount.is_finite() or amount < 0:
            raise TestnetError(f"a balance is a number from 0 on, got {amount} {asset}")


def _shown(stop: Stop | None) -> dict[str, Any] | None:
    if stop is None:
        return None
    return {"at": stop.at, "time": stop.time_ms, "trade": stop.trade}
