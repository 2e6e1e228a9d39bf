"""Writing: all or nothing, told after the commit, with others at the same file."""

from __future__ import annotations

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, func, insert, select
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncSession

from runner.storage.database import Database
from runner.storage.errors import (
    DatabaseCorruptError,
    DatabaseFullError,
    DatabaseLockedError,
    DatabaseUnreachableError,
    DatabaseUrlError,
    StorageError,
)
from tests.runner.storage.rows import Note, add, create


async def numbers(database: Database) -> list[int]:
    async with database.reading() as session:
        return list(await session.scalars(select(Note.id).order_by(Note.id)))


def path_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def test_one_failure_among_many_touches_no_other(database_url: str) -> None:
    async def work(session: AsyncSession, number: int) -> int:
        session.add(Note(id=number))
        await session.flush()
        if number % 7 == 3:
            session.add(Note(id=number + 1000))
            await session.flush()
            raise KeyError(number)
        if number % 7 == 5:
            await session.execute(insert(Note).values(id=number))
        return number

    async def run() -> None:
        async with Database(database_url) as database:
            await create(database)
            asked = [database.write(lambda s, n=n: work(s, n)) for n in range(70)]
            answers = await asyncio.gather(*asked, return_exceptions=True)
            wrong = {n: type(a) for n, a in enumerate(answers) if isinstance(a, Exception)}
            kinds = {3: KeyError, 5: IntegrityError}
            assert wrong == {n: kinds[n % 7] for n in range(70) if n % 7 in kinds}
            assert await numbers(database) == [n for n in range(70) if n % 7 not in (3, 5)]

    asyncio.run(run())


def test_many_pieces_of_work_share_a_commit(sqlite_url: str) -> None:
    async def run() -> None:
        async with Database(sqlite_url) as database:
            await create(database)
            assert database._writer is not None
            before = database._writer.n_transactions
            await asyncio.gather(*(add(database, n) for n in range(500)))
            assert database._writer.n_transactions - before <= 5
            assert len(await numbers(database)) == 500

    asyncio.run(run())


def test_a_reader_sees_only_what_is_committed_and_waits_for_nobody(database_url: str) -> None:
    async def run() -> None:
        async with Database(database_url) as database:
            await create(database)
            written, seen = asyncio.Event(), asyncio.Event()

            async def slow(session: AsyncSession) -> None:
                session.add(Note(id=1))
                await session.flush()
                written.set()
                await seen.wait()

            writing = asyncio.create_task(database.write(slow))
            await written.wait()
            assert await numbers(database) == []
            assert not writing.done()
            seen.set()
            await writing
            assert await numbers(database) == [1]

    asyncio.run(run())


def test_a_reading_is_one_view(database_url: str) -> None:
    async def run() -> None:
        async with Database(database_url) as database:
            await create(database)
            await add(database, 1)
            async with database.reading() as session:
                assert await session.scalar(select(func.count()).select_from(Note)) == 1
                await add(database, 2)
                assert await session.scalar(select(func.count()).select_from(Note)) == 1
            assert await numbers(database) == [1, 2]

    asyncio.run(run())


def test_work_whose_caller_has_gone_is_done_all_the_same(sqlite_url: str) -> None:
    async def run() -> None:
        async with Database(sqlite_url) as database:
            await create(database)
            waiting = asyncio.create_task(add(database, 1))
            await asyncio.sleep(0)
            waiting.cancel()
            await add(database, 2)
            assert await numbers(database) == [1, 2]

    asyncio.run(run())


def test_closing_writes_what_waits_and_refuses_what_comes_later(sqlite_url: str) -> None:
    async def run() -> None:
        async with Database(sqlite_url) as database:
            await create(database)
            writer = database._writer
            assert writer is not None
            waiting = [asyncio.create_task(add(database, n)) for n in range(3)]
            await asyncio.sleep(0)
        assert await asyncio.gather(*waiting) == [0, 1, 2]
        with pytest.raises(StorageError, match="closed; nothing was written"):
            await writer.do(lambda _: asyncio.sleep(0))

    asyncio.run(run())


def writing(url: str, first: int, last: int) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "tests.runner.storage.rows", url, str(first), str(last)],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[3],
    )


def test_a_killed_process_leaves_all_it_called_safe(database_url: str) -> None:
    async def kept() -> list[int]:
        async with Database(database_url) as database:
            return await numbers(database)

    async def prepare() -> None:
        async with Database(database_url) as database:
            await create(database)

    asyncio.run(prepare())
    for round_ in range(3):
        process = writing(database_url, 10_000 * round_, 10_000 * (round_ + 1))
        assert process.stdout is not None
        safe = [int(process.stdout.readline()) for _ in range(50)]
        os.kill(process.pid, signal.SIGKILL)
        safe += [int(line) for line in process.stdout.read().splitlines(True) if line[-1] == "\n"]
        process.stdout.close()
        assert process.wait() == -signal.SIGKILL
        there = [n for n in asyncio.run(kept()) if n >= 10_000 * round_]
        assert set(safe) <= set(there)
        assert len(there) - len(safe) <= 10


def test_two_processes_write_to_one_database(database_url: str) -> None:
    async def prepare() -> None:
        async with Database(database_url) as database:
            await create(database)

    async def count() -> int:
        async with Database(database_url) as database, database.reading() as session:
            return int(await session.scalar(select(func.count()).select_from(Note)) or 0)

    asyncio.run(prepare())
    both = [writing(database_url, 0, 300), writing(database_url, 1000, 1300)]
    for process in both:
        process.communicate(timeout=60)
        assert process.returncode == 0
    assert asyncio.run(count()) == 600


def test_a_lock_held_too_long_is_said_and_the_next_work_is_done(sqlite_url: str) -> None:
    async def run() -> None:
        async with Database(sqlite_url, busy_seconds=0.2) as database:
            await create(database)
            other = sqlite3.connect(path_of(sqlite_url), isolation_level=None)
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(DatabaseLockedError, match="stop the other process"):
                await add(database, 1)
            other.execute("ROLLBACK")
            other.close()
            await add(database, 2)
            assert await numbers(database) == [2]

    asyncio.run(run())


def test_a_full_disk_is_said_and_what_is_there_is_intact(sqlite_url: str) -> None:
    async def run() -> None:
        database = Database(sqlite_url)

        def no_room(connection: Any, record: object) -> None:
            connection.execute("PRAGMA max_page_count=4")

        async with database:
            await create(database)
            await add(database, 0)
        event.listen(database.engine.sync_engine, "connect", no_room)
        async with database:
            with pytest.raises(DatabaseFullError, match="nothing of this transaction was written"):
                for first in range(1, 100_000, 1000):
                    await asyncio.gather(*(add(database, n) for n in range(first, first + 1000)))
        path = path_of(sqlite_url)
        assert sqlite3.connect(path).execute("PRAGMA integrity_check").fetchall() == [("ok",)]

    asyncio.run(run())


@pytest.mark.parametrize("content", [b"no database at all " * 200, None])
def test_a_damaged_file_is_said_and_left_as_it_is(sqlite_url: str, content: bytes | None) -> None:
    path = path_of(sqlite_url)

    async def fill() -> None:
        async with Database(sqlite_url) as database:
            await create(database)
            await asyncio.gather(*(add(database, n) for n in range(2000)))

    if content is None:
        asyncio.run(fill())
        whole = path.read_bytes()
        content = whole[:4096] + b"\xff" * (len(whole) - 4096)
    path.write_bytes(content)

    async def use() -> None:
        async with Database(sqlite_url) as database:
            await numbers(database)

    with pytest.raises(DatabaseCorruptError, match="restore a backup"):
        asyncio.run(use())
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "can't be read; expected sqlite:///file.db or postgresql://"),
        ("mysql://root:geheim@host/name", "kind 'mysql' are not supported"),
        ("sqlite://", "in memory is lost with its process"),
        ("sqlite:///:memory:", "in memory is lost with its process"),
    ],
)
def test_a_url_that_can_not_be_used_is_refused_without_its_password(url: str, message: str) -> None:
    with pytest.raises(DatabaseUrlError) as refused:
        Database(url)
    assert message in str(refused.value)
    assert "geheim" not in str(refused.value)


@pytest.mark.parametrize(
    "url",
    ["sqlite:////nowhere/at/all.db", "postgresql://someone:geheim@127.0.0.1:9/name"],
)
def test_a_database_that_does_not_answer_is_named_without_its_password(url: str) -> None:
    async def run() -> None:
        async with Database(url):
            pass

    with pytest.raises(DatabaseUnreachableError) as refused:
        asyncio.run(run())
    assert "geheim" not in str(refused.value)
    assert url.split("@")[-1].split("/", 3)[-1] in str(refused.value)


@pytest.mark.parametrize(
    ("was", "becomes", "said"),
    [
        ("/test_", "/nowhere_", "is its name right"),
        ("robotrader@", "stranger:geheim@", "is the user's name right"),
    ],
)
def test_a_name_that_a_server_does_not_know_is_said(
    postgresql_url: str, was: str, becomes: str, said: str
) -> None:
    async def run() -> None:
        async with Database(postgresql_url.replace(was, becomes)):
            pass

    with pytest.raises(DatabaseUnreachableError, match=said) as refused:
        asyncio.run(run())
    assert "geheim" not in str(refused.value)


def test_writers_that_wait_for_each_other_are_told_to_try_again(postgresql_url: str) -> None:
    async def lock(session: AsyncSession, numbers: tuple[int, int]) -> None:
        for number in numbers:
            await session.execute(select(func.pg_advisory_xact_lock(number)))
            await asyncio.sleep(0.2)

    async def run() -> list[BaseException | None]:
        async with Database(postgresql_url) as database:
            writes = [database.write(partial(lock, numbers=way)) for way in ((1, 2), (2, 1))]
            return await asyncio.gather(*writes, return_exceptions=True)

    failed = [error for error in asyncio.run(run()) if error is not None]
    assert [type(error) for error in failed] == [DatabaseLockedError]
