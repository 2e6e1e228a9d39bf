"""The zygote: a process that knows no secret, from which bots are forked in milliseconds.

It is exec'ed with an empty environment and imports what strategies use, after it has left all
namespaces and its root. Then it answers requests on one socket, each with a bot's socket: it
forks, the child hardens itself and serves, and a descriptor of the child's process goes back.
"""

from __future__ import annotations

import errno
import fcntl
import gc
import importlib
import json
import os
import pkgutil
import signal
import socket
from collections.abc import Callable, Sequence
from typing import Any

from runner.sandbox import landlock
from runner.sandbox.hardening import Tools, harden, limits_of
from runner.sandbox.namespaces import enter_namespaces, swap_root
from runner.sandbox.packing import fill_holes
from runner.sandbox.seccomp import compile_filter
from runner.sandbox.stack import Stack
from runner.sandbox.system_calls import PR_SET_PDEATHSIG, control_process

BOT_SOCKET, BOT_RULESET = 3, 4
"""Descriptors in a bot."""

_OUT_OF_THE_WAY = 64
_MOST_DESCRIPTORS = 4096
_REQUEST_BYTES = 65_536


def main(control: int, settings_json: str) -> None:
    """Run a zygote on a socket; what goes wrong before it is ready is sent as one line."""
    settings = json.loads(settings_json)
    channel = socket.socket(fileno=control)
    try:
        tools, serve = _prepare(channel, settings)
    except BaseException as error:  # noqa: BLE001 - whatever it is, no user code runs
        channel.send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        os._exit(1)
    own = os.pidfd_open(os.getpid())
    socket.send_fds(channel, [b'{"ready": true}'], [own])
    os.close(own)
    _fork_bots(channel, tools, serve)


def _prepare(
    channel: socket.socket, settings: dict[str, Any]
) -> tuple[Tools, Callable[[int], None]]:
    stack = Stack(**settings["stack"])
    readable: list[str] = settings["readable"]
    # libseccomp is looked up by a tool that the new root does not have.
    program = compile_filter() if stack.seccomp else None
    # Parts of the runner itself, which the new root lacks.
    from runner.sandbox import bot_main, warming

    if stack.namespaces:
        enter_namespaces(as_user=stack.user_namespace)
        _become_first_process(channel)
        swap_root(readable)
    _preload(settings["preload"])
    warming.warm_up()
    ruleset = landlock.make_ruleset(readable) if stack.landlock else None
    _clear_environment()
    _freeze()
    return Tools(stack, ruleset, program), bot_main.run


def _become_first_process(channel: socket.socket) -> None:
    """Go on as process 1 of the new namespace; what was the zygote only waits for it."""
    child = os.fork()
    if child:
        channel.close()
        _, status = os.waitpid(child, 0)
        os._exit(os.waitstatus_to_exitcode(status) & 0xFF)
    control_process(PR_SET_PDEATHSIG, signal.SIGKILL)


def _preload(modules: Sequence[str]) -> None:
    """Import what strategies use, so that bots share it; what is not installed is left out."""
    for name in modules:
        package = name.removesuffix(".*")
        try:
            loaded = importlib.import_module(package)
        except ModuleNotFoundError as error:
            if error.name != package.partition(".")[0]:
                raise
            continue
        if package != name:
            for module in pkgutil.iter_modules(loaded.__path__, f"{package}."):
                importlib.import_module(module.name)


def _clear_environment() -> None:
    """Keep what stops libraries from starting threads: one that a bot loads would end it there."""
    told = ("_NUM_THREADS", "JOBLIB_MULTIPROCESSING")
    kept = {name: text for name, text in os.environ.items() if name.endswith(told)}
    os.environ.clear()
    os.environ.update(kept)


def _freeze() -> None:
    """Leave the collector nothing to write to, so that pages stay shared."""
    gc.collect()
    gc.disable()
    fill_holes()
    gc.freeze()


def _fork_bots(channel: socket.socket, tools: Tools, serve: Callable[[int], None]) -> None:
    """Answer requests until the other side goes, and take all bots along then."""
    while True:
        message, descriptors, _, _ = socket.recv_fds(channel, _REQUEST_BYTES, 1)
        if not message:
            os._exit(0)
        request = json.loads(message)
        if "pid" in request:
            channel.send(json.dumps({"status": _reap(request["pid"])}).encode())
            continue
        try:
            if not descriptors:
                raise OSError(errno.EMFILE, os.strerror(errno.EMFILE))
            child = os.fork()
            if child == 0:
                _be_a_bot(channel, descriptors[0], tools, request, serve)
            _pass_hold(channel, child)
        except OSError as error:  # there is no room for one more, and other bots live on
            channel.send(json.dumps({"error": str(error)}).encode())
        for descriptor in descriptors:
            os.close(descriptor)


def _pass_hold(channel: socket.socket, child: int) -> None:
    """Answer with a descriptor of a bot's process; one that can't be passed on is ended."""
    try:
        process = os.pidfd_open(child)
        try:
            socket.send_fds(channel, [json.dumps({"pid": child}).encode()], [process])
        finally:
            os.close(process)
    except OSError:
        os.kill(child, signal.SIGKILL)
        _reap(child)
        raise


def _reap(process: int) -> int:
    """Wait for a bot that was killed; its status, see os.waitpid, 0 if it is none of ours."""
    try:
        return os.waitpid(process, 0)[1]
    except ChildProcessError:
        return 0


def _be_a_bot(
    channel: socket.socket,
    descriptor: int,
    tools: Tools,
    request: dict[str, Any],
    serve: Callable[[int], None],
) -> None:
    """Never returns."""
    try:
        channel.detach()
        gc.enable()
        tools = _keep_descriptors(descriptor, tools)
        harden(tools, request["user"], limits_of(request["data_bytes"], request["space_bytes"]))
        serve(BOT_SOCKET)
    finally:
        os._exit(1)


def _keep_descriptors(descriptor: int, tools: Tools) -> Tools:
    """Close all but the bot's socket and, for a moment, the ruleset; 0 to 2 lead nowhere."""
    descriptor = fcntl.fcntl(descriptor, fcntl.F_DUPFD, _OUT_OF_THE_WAY)
    ruleset = tools.ruleset
    if ruleset is not None:
        ruleset = fcntl.fcntl(ruleset, fcntl.F_DUPFD, _OUT_OF_THE_WAY)
        os.dup2(ruleset, BOT_RULESET)
        ruleset = BOT_RULESET
    os.dup2(descriptor, BOT_SOCKET)
    os.closerange(BOT_SOCKET + 1 if ruleset is None else BOT_RULESET + 1, _MOST_DESCRIPTORS)
    return Tools(tools.stack, ruleset, tools.filter)
