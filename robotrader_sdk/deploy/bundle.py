"""Stub until the real one lands."""

from __future__ import annotations

import hashlib
import json
import sys
import types
from dataclasses import dataclass


@dataclass(frozen=True)
class Bundle:
    name: str
    source: str
    digest: str = ""

    @classmethod
    def of(cls, name, source):
        return cls(name, source, hashlib.sha256((name + "\0" + source).encode()).hexdigest())

    def to_json(self):
        return json.dumps({"name": self.name, "source": self.source, "digest": self.digest})

    @classmethod
    def from_json(cls, text):
        return cls(**json.loads(text))


def load_bundle(bundle, module_name=None):
    name = module_name or f"bundle_{bundle.digest[:16]}"
    m = types.ModuleType(name)
    sys.modules[name] = m
    exec(compile(bundle.source, "<strategy>", "exec"), m.__dict__)
    return m.__dict__[bundle.name]
