"""The HTTP server: both venues' routes and the control on one port, over one exchange."""

from __future__ import annotations

import asyncio
import socket
from itertools import count
from typing import Any

from sanic import Sanic

from runner.errors import TestnetError
from runner.testnet.binance.routes import blueprints as binance
from runner.testnet.bybit.routes import blueprints as bybit
from runner.testnet.control.routes import blueprint as control
from runner.testnet.local import LocalExchange

App = Sanic[Any, Any]

LARGEST_BODY = 1_000_000
_A_DAY = 86_400

_numbers = count(1)


def create_app(local: LocalExchange) -> App:
    """An app that serves an exchange; several may live in one process."""
    app: App = Sanic(f"testnet-{next(_numbers)}", configure_logging=False)
    app.config.ACCESS_LOG = False
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 0.5
    app.config.KEEP_ALIVE_TIMEOUT = 60
    app.config.TOUCHUP = False  # it rewrites the methods of Sanic itself, once for all apps
    app.config.REQUEST_MAX_SIZE = LARGEST_BODY
    app.config.RESPONSE_TIMEOUT = _A_DAY  # a reply may be withheld on purpose
    for blueprint in (*binance(local), *bybit(local), control(local)):
        app.blueprint(blueprint)

    @app.after_server_start
    async def start_time(app: App) -> None:
        app.ctx.driver = asyncio.create_task(local.driver.run())

    @app.before_server_stop
    async def stop_time(app: App) -> None:
        app.ctx.driver.cancel()

    return app


async def serve(local: LocalExchange, listening: socket.socket, stop: asyncio.Event) -> None:
    """Answer on a bound socket until `stop` is set."""
    app = create_app(local)
    server: Any = await app.create_server(
        sock=listening, return_asyncio_server=True, access_log=False
    )
    if server is None:
        raise TestnetError("the server did not start")
    await server.startup()
    await server.before_start()
    await server.after_start()
    local.is_served.set()
    await stop.wait()
    await server.before_stop()
    server.close()
    for connection in list(server.connections):
        connection.abort()
    await server.wait_closed()
    await server.after_stop()
