"""The trusted side's hold on a zygote: started, asked for bots, and ended."""

from __future__ import annotations

import asyncio
import importlib.util
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.sandbox import processes
from runner.sandbox.errors import JailBrokenError
from runner.sandbox.stack import Stack

_ENVIRONMENT = {
    "PATH": "/usr/bin:/bin:/usr/sbin:/sbin",
    "LANG": "C.UTF-8",
    "TZ": "UTC",
    "MALLOC_ARENA_MAX": "1",
    "JOBLIB_MULTIPROCESSING": "0",  # scikit-learn's joblib asks for no semaphores then
    "PYTHONDONTWRITEBYTECODE": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false",  # pyarrow's memory starts a thread else
    "PYTHONHASHSEED": "0",  # sets of strings are gone through alike in every process
    **dict.fromkeys(
        (
            "OMP_NUM_THREADS",
            "OPENBLAS_NUM_THREADS",
            "MKL_NUM_THREADS",
            "NUMBA_NUM_THREADS",
            "NUMEXPR_NUM_THREADS",
        ),
        "1",
    ),
}
_PACKAGES = ("robotrader_sdk", "strategies", "runner")
_START = (
    "import sys; sys.path[:0] = sys.argv[3:]; "
    "from runner.sandbox.zygote import main; main(int(sys.argv[1]), sys.argv[2])"
)
_START_SECONDS = 60.0
_REQUEST_BYTES = 65_536


@dataclass(frozen=True, slots=True)
class Forked:
    """A process that was forked: its number inside the jail and outside, and a hold on it."""

    inner: int
    outer: int
    descriptor: int


class ZygoteProcess:
    """One zygote. Requests are made one at a time; a bot takes it some milliseconds."""

    def __init__(self, process: subprocess.Popen[bytes], control: socket.socket) -> None:
        self._process, self._control = process, control
        self._turn = asyncio.Lock()
        self._is_out_of_step = False
        self._arrived: asyncio.Future[None] | None = None
        self.first = Forked(0, 0, -1)
        """The process that forks: process 1 where there are namespaces."""
        self.data_bytes = self.space_bytes = 0
        """What it has allocated and mapped, which each bot starts with."""

    @classmethod
    async def start(cls, stack: Stack, preloaded: Sequence[str]) -> ZygoteProcess:
        """Start one; JailBrokenError says why it could not be."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = subprocess.Popen(  # noqa: S603 - this interpreter, our own code
                _command(theirs.fileno(), stack, preloaded),
                env=_ENVIRONMENT,
                cwd="/",
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
        ours.setblocking(False)
        zygote = cls(process, ours)
        try:
            await zygote._become_ready()
        except BaseException:
            zygote.stop()
            raise
        return zygote

    @property
    def is_alive(self) -> bool:
        """Whether it can still be asked."""
        if self._is_out_of_step or self.first.descriptor < 0:
            return False
        return not processes.has_ended(self.first.descriptor)

    async def fork(self, bot_socket: socket.socket, user: int, memory_bytes: int) -> Forked:
        """A new jailed process that serves a socket.

        JailBrokenError if the zygote has died, or is alive but has no room for one more.
        """
        request = {
            "user": user,
            "data_bytes": self.data_bytes + memory_bytes,
            "space_bytes": self.space_bytes + 2 * memory_bytes,
        }
        answer, descriptor = await self._ask(request, bot_socket)
        if descriptor < 0:
            reason = answer.get("error", "no descriptor is left")
            raise JailBrokenError(f"the zygote can't fork one more bot: {reason}")
        return Forked(answer["pid"], processes.number_of(descriptor), descriptor)

    async def reap(self, bot: Forked) -> int:
        """Let go of a bot that was killed; its status as os.waitpid gives it."""
        answer, _ = await self._ask({"pid": bot.inner})
        status: int = answer["status"]
        return status

    def stop(self) -> None:
        """End it, and with it all its bots, and the request that it is at."""
        self._is_out_of_step = True
        if self._arrived is not None:
            self._listen_no_more(JailBrokenError("the zygote was stopped"))
        self._control.close()
        if self.first.descriptor >= 0:
            processes.kill(self.first.descriptor)
            os.close(self.first.descriptor)
            self.first = Forked(0, 0, -1)
        self._process.kill()
        self._process.wait()

    async def _become_ready(self) -> None:
        answer, descriptor = await self._receive(_START_SECONDS)
        if "ready" not in answer:
            raise JailBrokenError(f"the zygote can't start: {answer.get('error', 'it gave up')}")
        self.first = Forked(1, processes.number_of(descriptor), descriptor)
        facts = processes.facts_of(self.first.outer)
        if facts["Threads"] != "1":
            raise JailBrokenError(
                f"the zygote has {facts['Threads']} threads, and forks only one of them: a "
                "preloaded module starts some"
            )
        self.data_bytes = processes.kilobytes(facts["VmData"])
        self.space_bytes = processes.kilobytes(facts["VmSize"])

    async def _ask(
        self, request: dict[str, Any], passed: socket.socket | None = None
    ) -> tuple[dict[str, Any], int]:
        async with self._turn:
            if self._is_out_of_step:
                raise JailBrokenError("the zygote has died")
            message = [json.dumps(request).encode()]
            try:
                descriptors = [] if passed is None else [passed.fileno()]
                socket.send_fds(self._control, message, descriptors)
                return await self._receive(_START_SECONDS)
            except OSError as error:
                self._is_out_of_step = True
                raise JailBrokenError(f"the zygote has died: {error}") from None
            except BaseException:
                # An answer may still come, and would be taken for that to the next request.
                self._is_out_of_step = True
                raise

    async def _receive(self, seconds: float) -> tuple[dict[str, Any], int]:
        """One message, and the descriptor that came with it or -1."""
        try:
            async with asyncio.timeout(seconds):
                await self._readable()
            message, descriptors, _, _ = socket.recv_fds(self._control, _REQUEST_BYTES, 1)
        except (OSError, TimeoutError) as error:
            raise JailBrokenError(f"the zygote does not answer: {error}") from None
        if not message:
            raise JailBrokenError("the zygote has died")
        return json.loads(message), descriptors[0] if descriptors else -1

    async def _readable(self) -> None:
        """Return once something has arrived; JailBrokenError where it is stopped meanwhile."""
        loop = asyncio.get_running_loop()
        arrived = self._arrived = loop.create_future()
        loop.add_reader(self._control, self._listen_no_more)
        try:
            await arrived
        finally:
            self._listen_no_more()

    def _listen_no_more(self, error: JailBrokenError | None = None) -> None:
        """End the wait; before the socket is closed, or else its number stays with the loop.

        The next socket that gets this number would then never be heard.
        """
        arrived, self._arrived = self._arrived, None
        if arrived is None:
            return
        arrived.get_loop().remove_reader(self._control)
        if arrived.done():
            return
        if error is None:
            arrived.set_result(None)
        else:
            arrived.set_exception(error)


def readable_folders() -> list[str]:
    """What a strategy may read: libraries, and the two packages it is written with."""
    wanted = ["/usr/lib", "/usr/lib64", "/lib", "/lib64", "/usr/share/zoneinfo"]
    wanted += [f"{prefix}/lib" for prefix in (sys.base_prefix, sys.prefix)]
    wanted += [str(_folder_of(name)) for name in ("robotrader_sdk", "strategies")]
    found: list[str] = []
    for folder in map(os.path.realpath, wanted):
        is_inside = any(f"{folder}/".startswith(f"{other}/") for other in found)
        if Path(folder).is_dir() and not is_inside:
            found.append(folder)
    return found


def _command(control: int, stack: Stack, preloaded: Sequence[str]) -> list[str]:
    settings = {
        "stack": stack.to_dict(),
        "readable": readable_folders(),
        "preload": list(preloaded),
    }
    roots = dict.fromkeys(str(_folder_of(name).parent) for name in _PACKAGES)
    # -s and -P: nothing of the user's home or of the working directory is imported.
    python = [sys.executable, "-s", "-P", "-c", _START]
    return [*python, str(control), json.dumps(settings), *roots]


def _folder_of(package: str) -> Path:
    spec = importlib.util.find_spec(package)
    if spec is None or not spec.submodule_search_locations:
        raise JailBrokenError(f"the package {package} is not installed, which the jail needs")
    return Path(spec.submodule_search_locations[0]).resolve()


def describe_status(status: int) -> str:
    """How a process ended, for the owner of a bot."""
    code = os.waitstatus_to_exitcode(status)
    if code >= 0:
        return f"it exited with {code}"
    try:
        name = signal.Signals(-code).name
    except ValueError:
        name = str(-code)
    return _DEATHS.get(name, f"it was ended by {name}")


_DEATHS = {
    "SIGSYS": "it made a system call that no strategy needs",
    "SIGSEGV": "it crashed (SIGSEGV)",
    "SIGKILL": "it was killed",
    "SIGABRT": "it aborted (SIGABRT)",
}
