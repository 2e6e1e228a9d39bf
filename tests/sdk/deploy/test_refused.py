"""Code that can't travel: each thing is named with its line and the reason, in one line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import make_bundle
from robotrader_sdk.errors import BundleError

from .refused import REFUSED
from .shapes import Refusal, loaded

BY_NAME = {shape.name: shape for shape in REFUSED}


def refusal_of(owner: Any) -> BundleError:
    with pytest.raises(BundleError) as caught:
        make_bundle(owner)
    return caught.value


@pytest.mark.parametrize("name", BY_NAME)
def test_is_refused_with_line_and_reason(name: str, tmp_path: Path) -> None:
    shape: Refusal = BY_NAME[name]
    with loaded(shape, tmp_path, "refused") as module:
        error = refusal_of(module.Bot)
    found = [(p.where, p.line, p.name) for p in error.problems]
    assert found == [problem[:3] for problem in shape.problems]
    for problem, (_, _, _, reason) in zip(error.problems, shape.problems, strict=True):
        assert reason in problem.reason
    said = str(error).splitlines()
    assert len(said) == (1 if len(found) == 1 else len(found) + 1)
    assert said[0].startswith("Bot can't travel:")
    for problem in error.problems:
        place = f"{problem.where}, line {problem.line}: " if problem.line else ""
        assert f"{place}{problem.name}: " in str(error)


@pytest.mark.parametrize("given", [rt.Strategy, rt.PortfolioStrategy, int, 3, "Bot", None])
def test_what_is_no_strategy_is_no_bundle(given: Any) -> None:
    with pytest.raises(BundleError, match=r"derived from rt\.Strategy or rt\.PortfolioStrategy"):
        make_bundle(given)
