"""Work that is done side by side; when it ends, or fails, nothing of it is left running."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

Result = TypeVar("Result")


@asynccontextmanager
async def together() -> AsyncIterator[asyncio.TaskGroup]:
    """Waits for the tasks that are made in it.

    If one fails, the others are cancelled and waited for, and its error is raised as it is, not as
    one of a group: whoever calls must not have to know what was done side by side.
    """
    first: BaseException | None = None
    try:
        async with asyncio.TaskGroup() as group:
            yield group
    except BaseExceptionGroup as failed:
        first = failed.exceptions[0]
    if first is not None:
        raise first


async def side_by_side(works: Iterable[Coroutine[Any, Any, Result]]) -> list[Result]:
    """What each of them returns, in their order; see `together` for one that fails."""
    async with together() as group:
        tasks = [group.create_task(work) for work in works]
    return [task.result() for task in tasks]


async def first_of(*works: Coroutine[Any, Any, object]) -> None:
    """Wait until one of them has ended; the others are cancelled."""
    tasks = [asyncio.ensure_future(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in done:
        task.result()
