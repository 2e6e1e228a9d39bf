"""A strategy's parameters, sent to where its classes are made anew.

A value of the user's own class, such as a member of an Enum, is none of the copy's class of the
same name. So such classes go by their name, and members by theirs.
"""

from __future__ import annotations

import enum
import io
import pickle
from operator import attrgetter
from types import ModuleType
from typing import Any

from robotrader_sdk.deploy.modules import is_own
from robotrader_sdk.errors import DeployError

Name = tuple[str, str | None]
"""A class, as `Bot.Mode`, and the member of it; None: the class itself."""


def packed(params: dict[str, Any], module: str) -> bytes:
    """Parameters as bytes; DeployError names the one that can't be sent.

    module: the one that the strategy's class is defined in.
    """
    for name, value in params.items():
        try:
            _packed(value, module)
        except Exception as error:
            said = " ".join(str(error).split())
            raise DeployError(f"parameter {name}={value!r} can't be sent: {said}") from error
    return _packed(params, module)


def unpacked(dumped: bytes, module: ModuleType) -> dict[str, Any]:
    """Parameters with the classes that a bundle's module defines; AttributeError if one lacks."""
    params: dict[str, Any] = _Reader(io.BytesIO(dumped), module).load()
    return params


def _packed(value: object, module: str) -> bytes:
    buffer = io.BytesIO()
    _Writer(buffer, module).dump(value)
    return buffer.getvalue()


class _Writer(pickle.Pickler):
    def __init__(self, file: io.BytesIO, module: str) -> None:
        super().__init__(file, protocol=5)
        self._module = module

    def persistent_id(self, obj: object) -> Name | None:
        """See `pickle.Pickler`."""
        owner = obj if isinstance(obj, type) else type(obj)
        if owner.__module__ != self._module and not is_own(owner.__module__):
            return None
        if isinstance(obj, type):
            return owner.__qualname__, None
        if isinstance(obj, enum.Enum) and obj.name in type(obj).__members__:
            return owner.__qualname__, obj.name
        return None


class _Reader(pickle.Unpickler):
    def __init__(self, file: io.BytesIO, module: ModuleType) -> None:
        super().__init__(file)
        self._module = module

    def persistent_load(self, pid: Name) -> object:
        """See `pickle.Unpickler`."""
        owner: Any = attrgetter(pid[0])(self._module)
        return owner if pid[1] is None else owner[pid[1]]
