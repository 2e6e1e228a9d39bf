"""The bot's end of its socket: whole frames, however they come."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator

import pytest

from runner.sandbox.channel import Channel
from runner.sandbox.errors import WireError
from runner.sandbox.wire import LARGEST_FRAME, Account, Ask, Bars, frames_of

BARS, ASK = Bars(0, b"x" * 48), Ask(7, Account(1.0, 2.0))


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, Channel]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        yield ours, Channel(theirs.fileno())


def test_frames_that_came_together_are_read_by_one_system_call(
    ends: tuple[socket.socket, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, channel = ends
    sizes: list[int] = []
    read = os.read

    def counted(descriptor: int, most: int) -> bytes:
        sizes.append(most)
        return read(descriptor, most)

    monkeypatch.setattr(os, "read", counted)
    ours.sendall(frames_of(BARS) + frames_of(ASK))
    assert [channel.receive(), channel.receive()] == [BARS, ASK]
    assert len(sizes) == 1


def test_a_frame_that_comes_byte_by_byte_is_put_together(
    ends: tuple[socket.socket, Channel], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, channel = ends
    read = os.read
    monkeypatch.setattr(os, "read", lambda descriptor, _: read(descriptor, 1))
    ours.sendall(frames_of(BARS) + frames_of(ASK))
    assert [channel.receive(), channel.receive()] == [BARS, ASK]


def test_raw_bytes_of_many_frames_keep_their_order(ends: tuple[socket.socket, Channel]) -> None:
    ours, channel = ends
    blob = os.urandom(2 * LARGEST_FRAME + 100)
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4 * LARGEST_FRAME)
    ours.sendall(frames_of(ASK, blob)[: 3 * LARGEST_FRAME])
    assert channel.receive() == ASK
    assert channel.receive_bytes(len(blob)) == blob


def test_an_end_within_a_frame_is_an_end(ends: tuple[socket.socket, Channel]) -> None:
    ours, channel = ends
    ours.sendall(frames_of(BARS) + frames_of(ASK)[:-1])
    ours.shutdown(socket.SHUT_WR)
    assert channel.receive() == BARS
    with pytest.raises(EOFError):
        channel.receive()


def test_a_frame_that_says_it_is_huge_is_not_waited_for(
    ends: tuple[socket.socket, Channel],
) -> None:
    ours, channel = ends
    ours.sendall(frames_of(BARS) + b"\xff\xff\xff\x7f")
    assert channel.receive() == BARS
    with pytest.raises(WireError, match="a frame of"):
        channel.receive()
