"""What the runner knows is in no process of the jail, though root searches them from outside."""

from __future__ import annotations

import contextlib
import os
import re
import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from runner.sandbox.processes import facts_of
from runner.sandbox.settings import JailSettings
from tests.runner.sandbox.attackers import BARS, PATIENT, bundle
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, Prison
from tests.runner.sandbox.stacks import PRELOADED

_PIECE, _OVERLAP = 1 << 22, 64

TOKEN = secrets.token_hex(12)
"""What all secrets begin with, so that one search finds any of them."""

OF_A_BOT = f"{TOKEN}-bot"
"""What the source of one bot holds, and no other process of the jail may know."""

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root may read the memory of others")


@dataclass(frozen=True, slots=True)
class Planted:
    """A jail that was started after the secrets were there."""

    prison: Prison
    folder: Path


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Planted]:
    folder = tmp_path_factory.mktemp("secrets")
    names = ("memory", "environment", "path", "content", "socket", "abstract")
    made = {name: f"{TOKEN}-{name}" for name in names}
    with contextlib.ExitStack() as stack:
        patch = stack.enter_context(pytest.MonkeyPatch.context())
        patch.setenv("ROBOTRADER_SECRET", made["environment"])
        file = stack.enter_context((folder / made["path"]).open("w+"))
        file.write(made["content"])
        file.flush()
        ours, theirs = socket.socketpair()
        listener = socket.socket(socket.AF_UNIX)
        for opened in (ours, theirs, listener):
            stack.enter_context(opened)
        os.set_inheritable(file.fileno(), True)  # as a careless library would leave them
        os.set_inheritable(theirs.fileno(), True)
        ours.sendall(made["socket"].encode())
        listener.bind(f"\0{made['abstract']}")
        prison = Prison(JailSettings(preloaded=PRELOADED, limits=PATIENT))
        try:
            yield Planted(prison, folder)
        finally:
            prison.close()


@pytest.fixture(scope="module")
def jailed(planted: Planted) -> Iterator[dict[str, int]]:
    """Process numbers of a bot that has decided, of one that waits, and of the zygote's two."""
    run, jail = planted.prison.run, planted.prison.jail
    bots = [
        run(jail.spawn(code, {}, markets=(MARKET,), timeframe=HOUR))
        for code in (bundle(f"self.kept = {OF_A_BOT!r}"), bundle("pass"))
    ]
    assert run(bots[0].decide({MARKET.symbol: BARS}, RICH)).is_decided
    first = run(jail._living_cells()).zygote.first.outer
    outer = int(facts_of(first)["PPid"])
    numbers = [bot.process for bot in bots]
    yield {"decided": numbers[0], "waits": numbers[1], "zygote": first, "outer": outer}
    for bot in bots:
        run(bot.kill())


WHO = pytest.mark.parametrize("who", ["decided", "waits", "zygote", "outer"])


def test_the_search_finds_what_is_there(jailed: dict[str, int]) -> None:
    assert _found_in(jailed["decided"]) == {OF_A_BOT}  # which it has to know, and nothing else


@pytest.mark.parametrize("who", ["waits", "zygote", "outer"])
def test_no_secret_is_found(jailed: dict[str, int], who: str) -> None:
    assert _found_in(jailed[who]) == set()


@WHO
def test_the_environment_names_nothing_of_the_host(jailed: dict[str, int], who: str) -> None:
    told = Path(f"/proc/{jailed[who]}/environ").read_bytes().split(b"\0")
    names = {pair.partition(b"=")[0].decode() for pair in told if pair}
    plain = {"PATH", "LANG", "TZ", "MALLOC_ARENA_MAX", "JE_ARROW_MALLOC_CONF"}
    plain |= {"PYTHONDONTWRITEBYTECODE", "PYTHONHASHSEED", "JOBLIB_MULTIPROCESSING"}
    assert {name for name in names if not name.endswith("_NUM_THREADS")} <= plain


@pytest.mark.parametrize("who", ["decided", "waits"])
def test_a_bot_holds_its_socket_and_nothing_else(jailed: dict[str, int], who: str) -> None:
    links = _descriptors(jailed[who])
    assert sorted(links) == [0, 1, 2, 3]
    assert {links[n] for n in range(3)} == {"/dev/null"}
    assert links[3].startswith("socket:")


@pytest.mark.parametrize("who", ["zygote", "outer"])
def test_the_zygote_holds_nothing_of_the_runners(
    planted: Planted, jailed: dict[str, int], who: str
) -> None:
    ours = set(_descriptors(os.getpid()).values()) - {"/dev/null"}
    theirs = set(_descriptors(jailed[who]).values()) - {"anon_inode:[pidfd]"}
    assert theirs & ours == set()
    assert not any(str(planted.folder) in link for link in theirs)


def _found_in(process: int) -> set[str]:
    """The secrets in all that the kernel shows of a process."""
    folder = Path(f"/proc/{process}")
    texts = [(folder / name).read_bytes() for name in ("environ", "cmdline", "maps")]
    texts.append("\n".join(_descriptors(process).values()).encode())
    with (folder / "mem").open("rb", buffering=0) as memory:
        for start, end in _readable(folder):
            texts += [t for t in _pieces(memory.fileno(), start, end) if TOKEN.encode() in t]
    known = re.compile(rf"{TOKEN}-[a-z]+".encode())
    return {secret.decode() for text in texts for secret in known.findall(text)}


def _readable(folder: Path) -> Iterator[tuple[int, int]]:
    for line in (folder / "maps").read_text().splitlines():
        place, rights, *_ = line.split()
        if rights.startswith("r") and "[v" not in line:
            start, _, end = place.partition("-")
            yield int(start, 16), int(end, 16)


def _pieces(memory: int, start: int, end: int) -> Iterator[bytes]:
    """The memory in pieces, each with the end of the one before."""
    before = b""
    for place in range(start, end, _PIECE):
        try:
            piece = os.pread(memory, min(_PIECE, end - place), place)
        except OSError:  # reserved, and never used
            before = b""
            continue
        yield before + piece
        before = piece[-_OVERLAP:]


def _descriptors(process: int) -> dict[int, str]:
    folder = Path(f"/proc/{process}/fd")
    links = {}
    for place in folder.iterdir():
        with contextlib.suppress(FileNotFoundError):  # the one that lists the folder
            links[int(place.name)] = str(place.readlink())
    return links
