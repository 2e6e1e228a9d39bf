"""The gate: every request of a venue comes in here and goes out here.

In order: the route and the parameters are found, faults that strike first strike, the limits
count, the venue answers, and faults that strike the reply strike it. All of it is in the ledger.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any, cast

import msgspec
from sanic import Blueprint, HTTPResponse, Request

from runner.testnet.faults import AFTER, BEFORE, TWICE, Fault
from runner.testnet.ledger import SECRET
from runner.testnet.limits import Wait
from runner.testnet.local import LocalExchange
from runner.testnet.wire import Call, Failure, Reply, Route, Venue

_FOREVER = 86_400.0
_JSON = "application/json;charset=UTF-8"


class Gate:
    """Serves one venue's routes."""

    def __init__(self, local: LocalExchange, venue: Venue) -> None:
        self._local = local
        self._venue = venue
        local.limit(venue)

    def blueprint(self, prefixes: tuple[str, ...]) -> Blueprint:
        """All routes of the venue; below its prefixes every other path is answered by it too."""
        blueprint = Blueprint(self._venue.name)
        routes = {(route.method, route.path): route for route in self._venue.routes}
        paths = {route.path for route in self._venue.routes}

        async def serve(request: Request, **_: str) -> HTTPResponse | None:
            route = routes.get((request.method, request.path))
            return await self._serve(request, route, known=request.path in paths)

        methods = ["GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS"]
        for number, path in enumerate(sorted(paths)):
            blueprint.add_route(serve, path, methods=methods, name=f"route{number}")
        for number, prefix in enumerate(prefixes):
            where = f"{prefix}/<rest:path>"
            blueprint.add_route(serve, where, methods=methods, name=f"rest{number}")
        return blueprint

    async def _serve(
        self, request: Request, route: Route | None, *, known: bool
    ) -> HTTPResponse | None:
        call = Call(
            method=request.method,
            path=request.path,
            query=request.query_string,
            body=request.body,
            headers=request.headers,
            client=request.ip,
            route=route,
        )
        if route is None:
            failure = Failure.WRONG_METHOD if known else Failure.NO_SUCH_ROUTE
            return self._written(call, self._venue.fail(call, failure), [])
        unread = self._venue.read(call)
        fault = self._draw(call, BEFORE)
        if fault is not None:
            reply = await self._strike_first(request, call, fault)
            if reply is not None:
                return self._written(call, reply, [fault])
        reply = unread if unread is not None else self._answer(call, route)
        fault = self._draw(call, AFTER)
        if fault is None:
            return self._written(call, reply, [])
        return await self._strike_reply(request, call, reply, fault)

    def _answer(self, call: Call, route: Route) -> Reply:
        limits = self._local.limits[self._venue.name]
        wait = limits.take(call.client, {"weight": route.weight, "orders": route.n_orders})
        if wait is not None:
            return self._turned_away(call, wait)
        reply = self._venue.answer(call)
        if self._draw(call, (TWICE,)) is not None:
            reply = self._venue.answer(call)
        reply.headers.update(self._venue.usage(limits.used(call.client)))
        return reply

    def _turned_away(self, call: Call, wait: Wait) -> Reply:
        seconds = max(wait.until - self._local.faults.wall(), 0.0)
        until_ms = self._local.exchange.clock.served_ms + int(1000 * seconds)
        failure = Failure.BANNED if wait.is_ban else Failure.TOO_MANY_REQUESTS
        reply = self._venue.fail(call, failure, until_ms)
        reply.headers.setdefault("Retry-After", str(int(seconds) + 1))
        return reply

    async def _strike_first(self, request: Request, call: Call, fault: Fault) -> Reply | None:
        """What befalls a request that has had no effect; None: it goes on."""
        asked = fault.asked
        if asked.kind == "slow":
            await asyncio.sleep(asked.seconds)
            return None
        if asked.kind == "ban":
            limits = self._local.limits[self._venue.name]
            return self._turned_away(call, limits.ban(call.client, asked.seconds))
        if asked.kind == "maintenance":
            return self._venue.fail(call, Failure.MAINTENANCE)
        if asked.kind == "error_before":
            return self._error(call, asked.status)
        self._write(call, 0, [fault], None)
        await self._silence(request, asked.kind == "timeout_before")
        return Reply({})

    async def _strike_reply(
        self, request: Request, call: Call, reply: Reply, fault: Fault
    ) -> HTTPResponse | None:
        """What befalls the reply of a request that has had its effect."""
        kind = fault.asked.kind
        if kind == "error_after":
            return self._written(call, self._error(call, fault.asked.status), [fault])
        if kind == "not_json":
            self._write(call, 200, [fault], reply)
            page = "<html><body><h1>502 Bad Gateway</h1></body></html>"
            return HTTPResponse(page, 200, content_type="text/html")
        if kind in ("timeout_after", "reset_after"):
            self._write(call, 0, [fault], reply)
            await self._silence(request, kind == "timeout_after")
            return None
        response = self._written(call, reply, [fault])
        raw = _raw(response)
        wire = _wire(request)
        if kind == "truncated":
            wire.write(raw[: len(raw) - max(len(response.body or b"") // 2, 1)])
            wire.close()
            return None
        wire.write(raw)  # and once more below
        return response

    async def _silence(self, request: Request, holds: bool) -> None:
        """Answer nothing: hold the connection until the client gives up, or reset it."""
        if holds:
            await asyncio.sleep(_FOREVER)
        _wire(request).abort()

    def _error(self, call: Call, status: int) -> Reply:
        reply = self._venue.fail(call, Failure.SERVER_ERROR)
        reply.status = status
        return reply

    def _draw(self, call: Call, kinds: tuple[str, ...]) -> Fault | None:
        if not self._local.faults:
            return None
        symbol = call.symbol
        return self._local.faults.draw(
            kinds, venue=self._venue.name, route=call.name, symbol=symbol
        )

    def _written(self, call: Call, reply: Reply, faults: list[Fault]) -> HTTPResponse:
        """The reply as a response, once the ledger has it."""
        self._write(call, reply.status, faults, reply)
        body = msgspec.json.encode(reply.content)
        return HTTPResponse(body, reply.status, reply.headers, _JSON)

    def _write(self, call: Call, status: int, faults: list[Fault], reply: Reply | None) -> None:
        self._local.ledger.add(
            "request",
            venue=self._venue.name,
            method=call.method,
            path=call.path,
            given={name: value for name, value in call.given.items() if name not in SECRET},
            account=call.account.name if call.account else "",
            client=call.client,
            symbol=call.symbol,
            orders=list(call.orders),
            status=status,
            code=_code(reply),
            faults=[fault.asked.kind for fault in faults],
        )


def _wire(request: Request) -> asyncio.Transport:
    """The connection itself."""
    return cast("asyncio.Transport", request.transport)


def _code(reply: Reply | None) -> Any:
    """The venue's own code of a refusal, or 0."""
    content = None if reply is None else reply.content
    if not isinstance(content, dict):
        return 0
    return content.get("retCode", content.get("code", 0))


def _raw(response: HTTPResponse) -> bytes:
    """A response as it goes over the wire."""
    body = response.body or b""

    def lines() -> Iterator[str]:
        yield f"HTTP/1.1 {response.status} OK"
        yield f"content-type: {response.content_type}"
        for name, value in response.headers.items():
            yield f"{name}: {value}"
        yield f"content-length: {len(body)}"
        yield "connection: keep-alive"

    return "\r\n".join(lines()).encode() + b"\r\n\r\n" + body
