"""Declared parameters: typed, bounded, validated by pydantic, with "did you mean"."""

from __future__ import annotations

import difflib
import inspect
import sys
import typing
import weakref
from collections import ChainMap
from collections.abc import Mapping
from typing import Any

import numpy as np
import pydantic
from pydantic import ConfigDict, Field, ValidationError

from robotrader_sdk.errors import ParameterError


class Param:
    """A declared parameter; on the class it shows its bounds, on an instance its value."""

    def __init__(self, default: Any, constraints: dict[str, Any], description: str) -> None:
        self.default = default
        self.constraints = constraints
        self.description = description
        self.name = ""

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    def __get__(self, instance: Any, owner: type) -> Any:
        if instance is None:
            return self
        return instance.__dict__[self.name]

    def __set__(self, instance: Any, value: Any) -> None:
        raise ParameterError(
            f"{type(instance).__name__}.{self.name} is a parameter and stays {self!s} of this "
            f"strategy; make another: {type(instance).__name__}({self.name}={value!r})"
        )

    def __str__(self) -> str:
        return f"the {self.name}"

    def __repr__(self) -> str:
        bounds = "".join(f", {key}={value!r}" for key, value in self.constraints.items())
        return f"param({self.default!r}{bounds})"


def param(
    default: Any,
    *,
    ge: float | None = None,
    gt: float | None = None,
    le: float | None = None,
    lt: float | None = None,
    choices: typing.Sequence[Any] | None = None,
    description: str = "",
) -> Any:
    """Declare a strategy's parameter: `fast: int = rt.param(10, ge=2, le=200)`.

    default: its value if none is given.
    ge, gt, le, lt: bounds, checked whenever a strategy is made and usable by an optimiser.
    choices: the only values allowed.
    description: one line for forms and schemas.

    ParameterError when a strategy is made with a value outside the bounds or of another type.
    """
    bounds = {"ge": ge, "gt": gt, "le": le, "lt": lt}
    constraints: dict[str, Any] = {key: value for key, value in bounds.items() if value is not None}
    if choices is not None:
        constraints["choices"] = tuple(choices)
    return Param(default, constraints, description)


_declared: dict[int, tuple[weakref.ref[type], Mapping[str, Param]]] = {}
"""By a class's id, which no metaclass has a say in, for as long as the class lives."""


def declared_params(strategy_class: type) -> Mapping[str, Param]:
    """The parameters of a class and its bases, in the order of declaration, bases first.

    As they were when they were first asked for: live strategies ask at each bar.
    """
    key = id(strategy_class)
    known = _declared.get(key)
    if known is not None:
        return known[1]
    found: dict[str, Param] = {}
    for base in reversed(strategy_class.__mro__):
        found.update({k: v for k, v in vars(base).items() if isinstance(v, Param)})
    _declared[key] = weakref.ref(strategy_class, lambda _: _declared.pop(key, None)), found
    return found


def build_model(strategy_class: type) -> type[pydantic.BaseModel]:
    """The pydantic model that validates a class's parameters and describes them as a schema."""
    fields: dict[str, Any] = {}
    for name, declared in declared_params(strategy_class).items():
        constraints = dict(declared.constraints)
        choices = constraints.pop("choices", None)
        annotation = _annotation(strategy_class, name) if choices is None else _literal(choices)
        description = declared.description or None
        fields[name] = (
            annotation,
            Field(declared.default, description=description, **constraints),
        )
    config = ConfigDict(extra="forbid", validate_default=True, allow_inf_nan=False)
    try:
        model: type[pydantic.BaseModel] = pydantic.create_model(
            strategy_class.__name__, __config__=config, **fields
        )
    except (pydantic.PydanticUserError, TypeError) as error:
        raise _misfit(strategy_class, error) from error
    return model


def validate_params(
    strategy_class: type, model: type[pydantic.BaseModel], values: dict[str, Any]
) -> dict[str, Any]:
    """All parameters with their values, defaults included; ParameterError in one line if not."""
    plain = {name: v.item() if isinstance(v, np.generic) else v for name, v in values.items()}
    try:
        validated = model(**plain)
    except ValidationError as error:
        raise ParameterError(_explain(strategy_class, error)) from None
    except TypeError as error:  # a bound that can't be compared with the value
        raise _misfit(strategy_class, error) from error
    return {name: getattr(validated, name) for name in model.model_fields}


def _annotation(strategy_class: type, name: str) -> Any:
    for base in strategy_class.__mro__:
        annotation = inspect.get_annotations(base).get(name)
        if isinstance(annotation, str):
            own = vars(sys.modules.get(base.__module__, typing))
            try:
                return eval(annotation, {}, ChainMap(own, vars(typing)))  # noqa: S307 - the author's own annotation
            except (NameError, SyntaxError, TypeError, AttributeError) as error:
                raise ParameterError(
                    f"the type of {strategy_class.__name__}.{name}, {annotation!r}, can't be "
                    f"read: {error}; use int, float, bool, str or choices="
                ) from None
        if annotation is not None:
            return annotation
    raise ParameterError(
        f"{strategy_class.__name__}.{name} has no type; write `{name}: int = rt.param(...)`"
    )


def _misfit(strategy_class: type, error: Exception) -> ParameterError:
    return ParameterError(
        f"{strategy_class.__name__}: a parameter's bounds don't fit its type: {error}"
    )


def _literal(choices: tuple[Any, ...]) -> Any:
    return typing.Literal[choices]


def _explain(strategy_class: type, error: ValidationError) -> str:
    names = list(declared_params(strategy_class))
    lines = []
    for problem in error.errors(include_url=False):
        name = str(problem["loc"][0]) if problem["loc"] else ""
        if problem["type"] == "extra_forbidden":
            lines.append(_unknown(strategy_class.__name__, name, names))
        else:
            wish = problem["msg"].removeprefix("Input ").removeprefix("should be ")
            lines.append(
                f"{strategy_class.__name__}: {name}={problem['input']!r} is not allowed; "
                f"it should be {wish}"
            )
    return "; ".join(lines)


def _unknown(class_name: str, name: str, names: list[str]) -> str:
    close = difflib.get_close_matches(name, names, n=1, cutoff=0.5)
    hint = f"; did you mean {close[0]}?" if close else ""
    return f"{class_name} has no parameter {name}{hint} (it has: {', '.join(names)})"
