"""The HTTP server: both venues' routes and the control on one port, over one exchange."""

from __future__ import annotations

import asyncio
import gc
import socket
from collections.abc import Coroutine
from contextlib import suppress
from itertools import count
from typing import Any

from sanic import Sanic
from sanic.router import Router

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
    number = next(_numbers)
    app: App = Sanic(f"testnet-{number}", configure_logging=False)
    app.config.ACCESS_LOG = False
    app.config.GRACEFUL_SHUTDOWN_TIMEOUT = 0.5
    app.config.KEEP_ALIVE_TIMEOUT = 60
    # It takes what nobody listens to out of Sanic's own methods, once for all apps of a process.
    app.config.TOUCHUP = number == 1
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


def run(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run on the fastest event loop there is.

    Garbage is looked for more rarely than usual: all that the ledger keeps would be looked at.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)
    try:
        from uvloop import new_event_loop
    except ImportError:  # there is none for Windows
        asyncio.run(coroutine)
        return
    with asyncio.Runner(loop_factory=new_event_loop) as runner:
        runner.run(coroutine)


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
    await _close(server, listening)
    await server.after_stop()
    _forget(app)


def _forget(app: App) -> None:
    """Let go of an app, whose routes hold the exchange and all its books.

    Sanic keeps one as long as it is registered, and as long as one of the last thousand requests
    of the process was to it.
    """
    Sanic.unregister_app(app)
    Router.get.cache_clear()


async def _close(server: Any, listening: socket.socket) -> None:
    """Let nobody in any more, and end every connection, those that have just come in too.

    A closed asyncio server no longer takes what it has accepted and not yet handed to a protocol:
    that connection would stay open, known to nobody. So first it only stops listening, and the two
    turns of the loop that such a handing over takes go by.
    """
    with suppress(NotImplementedError):  # by a loop that watches no descriptors
        asyncio.get_running_loop().remove_reader(listening)
    for _ in range(2):
        await asyncio.sleep(0)
    server.close()
    while server.connections:
        for connection in list(server.connections):
            connection.abort()
        await asyncio.sleep(0)
    await server.wait_closed()
