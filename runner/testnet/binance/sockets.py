"""Binance's websockets: subscriptions to streams, and the few requests that are answered there.

Sources: https://developers.binance.com/docs/binance-spot-api-docs/web-socket-streams and
https://developers.binance.com/docs/binance-spot-api-docs/websocket-api/general-api-information
"""

from __future__ import annotations

import json
from typing import Any
from urllib.parse import quote

from sanic import Blueprint, Request, Websocket

from runner.testnet.binance.errors import BinanceError
from runner.testnet.binance.signing import check_time
from runner.testnet.binance.venue import Binance
from runner.testnet.core.accounts import READ
from runner.testnet.local import LocalExchange
from runner.testnet.signatures import is_signed
from runner.testnet.sockets import talk
from runner.testnet.streams import Subscriber

_MOST_STREAMS = 1024
_PATHS = ("/ws", "/ws/<name>", "/stream", "/stream/ws", "/stream/ws/<name>")


def blueprint(local: LocalExchange, binance: Binance) -> Blueprint:
    """The websockets of market data, of an account's own events, and of requests."""
    made = Blueprint("binance-sockets")

    async def stream(request: Request, socket: Websocket, name: str = "") -> None:
        subscriber = Subscriber("binance")
        names = [*name.split("/"), *request.args.get("streams", "").split("/")]
        subscriber.is_combined = "streams" in request.args
        subscriber.account = binance.listen_keys.account_of(name)
        subscriber.topics.update(n for n in names if binance.stream.is_known(n))
        await talk(local, socket, subscriber, lambda text: _hear(binance, subscriber, text))

    async def requests(request: Request, socket: Websocket) -> None:
        subscriber = Subscriber("binance")
        subscriber.is_by_request = True
        del request
        await talk(local, socket, subscriber, lambda text: _answer(local, subscriber, text))

    for number, path in enumerate(_PATHS):
        made.add_websocket_route(stream, path, name=f"stream{number}")
    made.add_websocket_route(requests, "/ws-api/v3", name="requests")
    return made


def _hear(binance: Binance, subscriber: Subscriber, text: str) -> None:
    """SUBSCRIBE, UNSUBSCRIBE and LIST_SUBSCRIPTIONS."""
    asked = _object(text)
    number, method, names = asked.get("id"), asked.get("method"), asked.get("params", [])
    if method == "LIST_SUBSCRIPTIONS":
        subscriber.send({"result": sorted(subscriber.topics), "id": number})
        return
    is_list = isinstance(names, list) and all(isinstance(name, str) for name in names)
    if method not in ("SUBSCRIBE", "UNSUBSCRIBE") or not is_list:
        subscriber.send({"error": {"code": 2, "msg": "Invalid request"}, "id": number})
        return
    known = {name for name in names if binance.stream.is_known(name)}
    if method == "UNSUBSCRIBE":
        subscriber.topics -= known
    elif len(subscriber.topics | known) > _MOST_STREAMS:
        subscriber.send({"error": {"code": 2, "msg": "Too many streams"}, "id": number})
        return
    else:
        subscriber.topics |= known
    subscriber.send({"result": None, "id": number})


def _answer(local: LocalExchange, subscriber: Subscriber, text: str) -> None:
    """Requests: ping, time, and the subscription to one's own events."""
    asked = _object(text)
    given = asked.get("params", {})
    given = given if isinstance(given, dict) else {}
    try:
        result = _result(local, subscriber, asked.get("method"), given)
    except BinanceError as error:
        subscriber.send({"id": asked.get("id"), "status": error.status, "error": error.body})
    else:
        subscriber.send({"id": asked.get("id"), "status": 200, "result": result})


def _result(
    local: LocalExchange, subscriber: Subscriber, method: Any, given: dict[str, Any]
) -> Any:
    if method == "ping":
        return {}
    if method == "time":
        return {"serverTime": local.exchange.clock.served_ms}
    if method == "userDataStream.subscribe.signature":
        subscriber.account = _signed_by(local, given)
        return {"subscriptionId": 0}
    if method == "userDataStream.unsubscribe":
        subscriber.account = ""
        return {}
    raise BinanceError(-1020, "This operation is not supported.")


def _signed_by(local: LocalExchange, given: dict[str, Any]) -> str:
    """The account whose key has signed a request; BinanceError if none has."""
    texts = {name: str(value) for name, value in given.items()}
    key = local.exchange.keys.get(texts.get("apiKey", ""))
    if key is None or key.revoked or READ not in key.permissions:
        raise BinanceError(-2015, "Invalid API-key, IP, or permissions for action.", 401)
    check_time(local.exchange, texts)
    signed = "&".join(
        f"{name}={quote(value, safe='')}"
        for name, value in sorted(texts.items())
        if name != "signature"
    )
    if not is_signed(key.secret, signed.encode(), texts.get("signature", "")):
        raise BinanceError(-1022, "Signature for this request is not valid.")
    return key.account


def _object(text: str) -> dict[str, Any]:
    try:
        asked = json.loads(text)
    except (ValueError, RecursionError):
        return {}
    return asked if isinstance(asked, dict) else {}
