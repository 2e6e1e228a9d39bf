"""Bybit's websockets: one for the prices of each category, one for an account's own events.

Source: https://bybit-exchange.github.io/docs/v5/ws/connect
"""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

from sanic import Blueprint, Request, Websocket

from runner.testnet.bybit.streams import CATEGORIES
from runner.testnet.bybit.venue import Bybit
from runner.testnet.core.accounts import READ
from runner.testnet.local import LocalExchange
from runner.testnet.signatures import is_signed
from runner.testnet.sockets import talk
from runner.testnet.streams import Subscriber


def blueprint(local: LocalExchange, bybit: Bybit) -> Blueprint:
    """The websockets of both categories, and the private one."""
    made = Blueprint("bybit-sockets")

    async def serve(request: Request, socket: Websocket) -> None:
        connection = Connection(local, bybit, request.path.rpartition("/")[2])
        await talk(local, socket, connection.subscriber, connection.hear)

    for category in CATEGORIES:
        made.add_websocket_route(serve, f"/v5/public/{category}", name=category)
    made.add_websocket_route(serve, "/v5/private", name="private")
    return made


class Connection:
    """One connection: what it has asked for, and who it has shown to be."""

    def __init__(self, local: LocalExchange, bybit: Bybit, name: str) -> None:
        self._local = local
        self._bybit = bybit
        self._number = str(uuid4())
        self.subscriber = Subscriber("bybit")
        self.subscriber.category = name if name in CATEGORIES else ""

    def hear(self, text: str) -> None:
        """One request."""
        asked = _object(text)
        name, given = asked.get("op"), asked.get("args", [])
        texts = given if isinstance(given, list) else []
        if name == "ping":
            self._pong(asked)
        elif name == "auth":
            self._authenticate(asked, [str(value) for value in texts])
        elif name in ("subscribe", "unsubscribe"):
            self._subscribe(asked, [str(value) for value in texts], wanted=name == "subscribe")
        else:
            self._reply(asked, False, "error:invalid op")

    def _pong(self, asked: dict[str, Any]) -> None:
        if self.subscriber.category:
            self._reply(asked, True, "pong")
            return
        now = str(self._local.exchange.clock.served_ms)
        self.subscriber.send(
            {"req_id": asked.get("req_id", ""), "op": "pong", "args": [now],
             "conn_id": self._number}
        )  # fmt: skip

    def _authenticate(self, asked: dict[str, Any], args: list[str]) -> None:
        if self.subscriber.category or len(args) != 3:
            self._reply(asked, False, "Params Error")
            return
        name, expires, signature = args
        key = self._local.exchange.keys.get(name)
        if key is None or key.revoked or READ not in key.permissions:
            self._reply(asked, False, "API key is invalid.")
            return
        is_time = expires.isascii() and expires.isdigit() and len(expires) <= 18
        # Ccxt signs this by the clock on the wall, whatever time the exchange has.
        earliest = min(self._local.exchange.clock.served_ms, int(1000 * self._local.faults.wall()))
        if not is_time or int(expires) <= earliest:
            self._reply(asked, False, "request expired")
            return
        signed = f"GET/realtime{expires}".encode()
        if not is_signed(key.secret, signed, signature):
            self._reply(asked, False, "Error sign, please check your signature generation.")
            return
        self.subscriber.account = key.account
        self._reply(asked, True, "")

    def _subscribe(self, asked: dict[str, Any], topics: list[str], *, wanted: bool) -> None:
        if not self.subscriber.category and not self.subscriber.account:
            self._reply(asked, False, "Request not authorized")
            return
        stream = self._bybit.stream
        for topic in topics:
            if not stream.is_known(self.subscriber, topic):
                said = f"error:handler not found,topic:{topic}"
                self._reply(asked, False, said)
                return
        if not wanted:
            self.subscriber.topics -= set(topics)
            self._reply(asked, True, "")
            return
        self.subscriber.topics |= set(topics)
        self._reply(asked, True, "subscribe" if self.subscriber.category else "")
        for topic in topics:
            market = stream.market_of(self.subscriber, topic)
            for message in stream.snapshot(topic, market) if market else ():
                self.subscriber.send(message)

    def _reply(self, asked: dict[str, Any], success: bool, said: str) -> None:
        name = asked.get("op")
        self.subscriber.send(
            {
                "success": success,
                "ret_msg": said,
                "conn_id": self._number,
                "req_id": asked.get("req_id", ""),
                "op": name if isinstance(name, str) else "",
            }
        )


def _object(text: str) -> dict[str, Any]:
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return asked if isinstance(asked, dict) else {}
