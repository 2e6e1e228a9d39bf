"""The package's README lists every control route, setting and fault."""

from __future__ import annotations

import re
from pathlib import Path

import msgspec
import pytest
from sanic import Sanic

from runner.testnet.control.requests import Changes
from runner.testnet.control.routes import blueprint
from runner.testnet.faults import KINDS
from runner.testnet.local import LocalExchange
from tests.runner.testnet.conftest import bars_of, exchange_of

README = Path(__file__).parents[3] / "runner/testnet/README.md"


@pytest.fixture(scope="module")
def text():
    return README.read_text(encoding="utf-8")


def test_every_control_route_is_there(text):
    local = LocalExchange(exchange_of(bars_of((1, 2, 1, 2), (2, 3, 2, 3))))
    app = Sanic("readme", configure_logging=False)
    app.blueprint(blueprint(local))
    routes = {
        (method, re.sub(r"<(\w+)[^>]*>", r"\1", route.path.removeprefix("_control")))
        for route in app.router.routes
        for method in route.methods
    }
    listed = {
        (method, path.partition("?")[0].replace("NAME", "name").replace("ID", "number"))
        for methods, path in re.findall(r"^\| `([A-Z, ]+) /_control(\S*?)`", text, re.MULTILINE)
        for method in methods.split(", ")
    }
    named = {(method, path if path != "/" else "/") for method, path in listed}
    assert {(m, p.rstrip("/")) for m, p in named} == {(m, p.rstrip("/")) for m, p in routes}


def test_every_setting_is_there(text):
    for field in msgspec.structs.fields(Changes):
        assert f"| `{field.name}` |" in text


@pytest.mark.parametrize("kind", KINDS)
def test_every_fault_is_there(text, kind):
    assert f"`{kind}`" in text
