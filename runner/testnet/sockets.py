"""A websocket: what comes in is heard, what waits for its subscriber is sent."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable

from sanic import Websocket
from websockets.exceptions import ConnectionClosed

from runner.testnet.local import LocalExchange
from runner.testnet.streams import Subscriber

LARGEST_MESSAGE = 100_000


async def talk(
    local: LocalExchange, socket: Websocket, subscriber: Subscriber, hear: Callable[[str], None]
) -> None:
    """Serve one connection until either side ends it."""
    local.ledger.add("stream", what="opened", venue=subscriber.venue)
    local.streams.join(subscriber)
    sending = asyncio.create_task(_send(socket, subscriber))
    hearing = asyncio.create_task(_hear(socket, hear))
    try:
        await asyncio.wait({sending, hearing}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        local.streams.leave(subscriber)
        for task in (sending, hearing):
            task.cancel()
        await asyncio.gather(sending, hearing, return_exceptions=True)
        local.ledger.add("stream", what="closed", venue=subscriber.venue)


async def _send(socket: Websocket, subscriber: Subscriber) -> None:
    with contextlib.suppress(ConnectionClosed):
        while (message := await subscriber.next()) is not None:
            await socket.send(message)
    if subscriber.is_gone and socket.io_proto is not None and socket.io_proto.transport:
        socket.io_proto.transport.abort()  # dropped without a word


async def _hear(socket: Websocket, hear: Callable[[str], None]) -> None:
    with contextlib.suppress(ConnectionClosed):
        while True:
            message = await socket.recv()
            if message is None:
                return
            text = (
                message if isinstance(message, str) else bytes(message).decode("utf-8", "replace")
            )
            hear(text[:LARGEST_MESSAGE])
