"""Work side by side: one failure is told as it is, and nothing is left running."""

from __future__ import annotations

import asyncio

import pytest

from runner.execution.together import first_of, side_by_side, together
from runner.storage.errors import StorageError


class Waits:
    """Work that goes on until it is cancelled."""

    def __init__(self) -> None:
        self.is_ended = False

    async def go(self) -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.is_ended = True


async def after(value, n_rounds=1):
    for _ in range(n_rounds):
        await asyncio.sleep(0)
    return value


async def fail(text, n_rounds=1):
    raise StorageError(await after(text, n_rounds))


def test_results_come_in_the_order_of_the_works():
    assert asyncio.run(side_by_side([after("a", 3), after("b")])) == ["a", "b"]


def test_the_first_failure_is_raised_as_itself_and_ends_the_others():
    async def work():
        waits = Waits()
        with pytest.raises(StorageError, match="early") as caught:
            await side_by_side([waits.go(), fail("late", 5), fail("early")])
        assert type(caught.value) is StorageError
        assert waits.is_ended
        assert asyncio.all_tasks() == {asyncio.current_task()}

    asyncio.run(work())


def test_a_failure_in_what_makes_the_tasks_ends_them():
    async def work():
        waits = Waits()
        with pytest.raises(StorageError, match="here"):
            async with together() as group:
                group.create_task(waits.go())
                await fail("here")
        assert waits.is_ended

    asyncio.run(work())


def test_the_first_to_end_ends_the_waiting():
    async def work():
        waits = Waits()
        await first_of(waits.go(), after(None, 3))
        assert waits.is_ended
        with pytest.raises(StorageError, match="here"):
            await first_of(Waits().go(), fail("here"))

    asyncio.run(work())


def test_a_wait_that_is_cancelled_leaves_nothing_running():
    async def work():
        waits = Waits()
        waiting = asyncio.create_task(first_of(waits.go()))
        await after(None, 3)
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        assert waits.is_ended

    asyncio.run(work())
