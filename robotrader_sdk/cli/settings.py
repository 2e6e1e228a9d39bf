"""`--set name=value`: the parameters of a strategy as a command line writes them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from robotrader_sdk.cli.errors import CommandError
from robotrader_sdk.errors import RobotraderError, StrategyError

if TYPE_CHECKING:
    from robotrader_sdk.cli.catalogs import StrategyClass
    from robotrader_sdk.strategy.base import Strategy
    from robotrader_sdk.strategy.portfolio import PortfolioStrategy


def make_strategy(
    strategy_class: StrategyClass, settings: Iterable[str]
) -> Strategy | PortfolioStrategy:
    """A strategy with its parameters set.

    CommandError for a setting that is not name=value or comes twice; ParameterError for an
    unknown parameter or a value that is not allowed; StrategyError if its own code fails.
    """
    texts = _split(settings)
    try:
        declared = strategy_class.parameters().get("properties", {})
        values = {name: _read(text, declared.get(name, {})) for name, text in texts.items()}
        return strategy_class(**values)
    except RobotraderError:
        raise
    except Exception as error:
        raise StrategyError(
            f"{strategy_class.__name__} can't be made: {type(error).__name__}: {error}"
        ) from error


def _split(settings: Iterable[str]) -> dict[str, str]:
    texts: dict[str, str] = {}
    for setting in settings:
        name, equals, text = setting.partition("=")
        name = name.strip()
        if not equals or not name.isidentifier():
            raise CommandError(
                f"--set {setting!r} is not understood; expected name=value, such as --set fast=10"
            )
        if name in texts:
            raise CommandError(f"--set {name} is given twice: {texts[name]} and {text.strip()}")
        texts[name] = text.strip()
    return texts


def _read(text: str, schema: dict[str, Any]) -> Any:
    """The text as the parameter's type needs it; what fits nowhere is left to the validation."""
    if schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
