"""Declared parameters: types, bounds, messages, schema."""

from __future__ import annotations

import gc
import pickle
from typing import Any

import numpy as np
import pytest

import robotrader_sdk as rt
from robotrader_sdk.errors import ParameterError


class Cross(rt.Strategy):
    fast: int = rt.param(10, ge=2, le=200, description="the quick one")
    slow: int = rt.param(30, ge=2, le=400)
    band: float = rt.param(0.5, gt=0, lt=1)
    exits: bool = rt.param(True)
    mode: str = rt.param("sma", choices=["sma", "ema"])

    def check(self) -> None:
        if self.fast >= self.slow:
            raise ValueError(f"fast={self.fast} must be below slow={self.slow}")


class Wider(Cross):
    slow: int = rt.param(50, ge=2, le=1000)
    extra: int = rt.param(1)


def test_defaults() -> None:
    assert Cross().params == {
        "seed": 0,
        "fast": 10,
        "slow": 30,
        "band": 0.5,
        "exits": True,
        "mode": "sma",
    }


@pytest.mark.parametrize(
    ("values", "words"),
    [
        ({"fsat": 3}, ["no parameter fsat", "did you mean fast?"]),
        ({"zzzzzz": 3}, ["no parameter zzzzzz", "it has: ", "slow"]),
        ({"fast": 1}, ["fast=1", "greater than or equal to 2"]),
        ({"fast": 201}, ["fast=201", "less than or equal to 200"]),
        ({"band": 0}, ["band=0", "greater than 0"]),
        ({"band": 1.0}, ["band=1.0", "less than 1"]),
        ({"band": float("nan")}, ["band=nan"]),
        ({"band": float("inf")}, ["band=inf"]),
        ({"fast": 2.5}, ["fast=2.5", "integer"]),
        ({"fast": "ten"}, ["fast='ten'", "integer"]),
        ({"fast": None}, ["fast=None", "integer"]),
        ({"mode": "wma"}, ["mode='wma'", "'sma' or 'ema'"]),
        ({"seed": -1}, ["seed=-1"]),
        ({"fast": 30}, ["fast=30 must be below slow=30"]),
        ({"fast": 1, "slow": 1000}, ["fast=1", "slow=1000"]),
    ],
)
def test_a_bad_value_is_named(values: dict[str, Any], words: list[str]) -> None:
    with pytest.raises(ParameterError) as caught:
        Cross(**values)
    for word in ["Cross", *words]:
        assert word in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_value_without_a_name_is_refused() -> None:
    with pytest.raises(ParameterError, match="are named"):
        Cross(10)


@pytest.mark.parametrize("number", [np.int64(12), np.int32(12), "12", 12.0])
def test_whole_numbers_of_any_kind_are_read(number: Any) -> None:
    assert Cross(fast=number).fast == 12
    assert type(Cross(fast=number).fast) is int


def test_strings_as_the_command_line_passes_them() -> None:
    cross = Cross(fast="5", band=".25", exits="false", mode="ema")
    assert (cross.fast, cross.band, cross.exits, cross.mode) == (5, 0.25, False, "ema")


def test_numpy_floats_and_booleans_are_read() -> None:
    cross = Cross(band=np.float64(0.25), exits=np.bool_(False))
    assert (cross.band, cross.exits) == (0.25, False)


def test_schema_describes_every_parameter() -> None:
    properties = Cross.parameters()["properties"]
    assert list(properties) == ["seed", "fast", "slow", "band", "exits", "mode"]
    fast = properties["fast"]
    assert (fast["type"], fast["default"], fast["minimum"], fast["maximum"]) == (
        "integer",
        10,
        2,
        200,
    )
    assert fast["description"] == "the quick one"
    assert properties["band"]["exclusiveMinimum"] == 0
    assert properties["mode"]["enum"] == ["sma", "ema"]


def test_repr_shows_name_and_values() -> None:
    assert repr(Cross(fast=5)) == "Cross(fast=5, slow=30, band=0.5, exits=True, mode='sma')"
    assert repr(Cross(seed=7)).startswith("Cross(seed=7, ")


def test_bounds_are_seen_on_the_class() -> None:
    assert repr(Cross.fast) == "param(10, ge=2, le=200)"
    assert Cross.fast.constraints == {"ge": 2, "le": 200}


def test_parameters_are_inherited_and_may_be_redeclared() -> None:
    assert Wider(slow=900).slow == 900
    assert Wider().params["slow"] == 50
    assert Wider().extra == 1
    with pytest.raises(ParameterError):
        Cross(slow=900)


def test_a_parameter_stays() -> None:
    cross = Cross()
    with pytest.raises(ParameterError, match=r"make another: Cross\(fast=11\)"):
        cross.fast = 11
    assert cross.fast == 10


def test_strategies_are_equal_by_class_and_values() -> None:
    assert Cross() == Cross(fast=10)
    assert hash(Cross()) == hash(Cross(fast=10))
    assert Cross() != Cross(fast=11)
    assert Cross(slow=50) != Wider()


def test_a_strategy_pickles() -> None:
    again = pickle.loads(pickle.dumps(Cross(fast=5)))
    assert again == Cross(fast=5)
    assert again.fast == 5


def test_a_default_out_of_its_own_bounds_is_refused() -> None:
    class Odd(rt.Strategy):
        fast: int = rt.param(1, ge=2)

    with pytest.raises(ParameterError, match="fast=1"):
        Odd()


def test_a_parameter_without_a_type_is_refused() -> None:
    class Odd(rt.Strategy):
        fast = rt.param(1)

    with pytest.raises(ParameterError, match="fast has no type"):
        Odd()


def test_bounds_that_do_not_fit_the_type_are_refused() -> None:
    class Odd(rt.Strategy):
        name: str = rt.param("a", ge=2)

    with pytest.raises(ParameterError, match="Odd"):
        Odd()


@pytest.mark.parametrize("name", ["signals", "init", "on_bar", "params", "warmup_bars", "check"])
def test_a_parameter_may_not_hide_what_every_strategy_has(name: str) -> None:
    with pytest.raises(ParameterError, match=name):
        type("Odd", (rt.Strategy,), {name: rt.param(1), "__annotations__": {name: int}})


def test_an_error_of_another_kind_in_check_is_not_swallowed() -> None:
    class Odd(rt.Strategy):
        def check(self) -> None:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Odd()


class ByName(type):
    """Takes classes of one name for equal, and so can't hash them."""

    def __eq__(cls, other: object) -> bool:
        return isinstance(other, type) and cls.__name__ == other.__name__


class ByNameAndHashed(ByName):
    """The same with a hash."""

    def __hash__(cls) -> int:
        return hash(cls.__name__)


@pytest.mark.parametrize("kind", [ByName, ByNameAndHashed])
def test_each_class_has_its_own_parameters_whatever_its_metaclass(kind: type) -> None:
    made = []
    for name in ("fast", "slow"):
        declared = {"__annotations__": {name: int}, name: rt.param(3)}
        made.append(kind("Own", (rt.Strategy,), declared))
    first, second = made
    assert first(fast=4).params == {"seed": 0, "fast": 4}
    assert second(slow=5).params == {"seed": 0, "slow": 5}


def test_a_class_in_the_place_of_one_that_is_gone_has_its_own_parameters() -> None:
    gc.freeze()  # what there is already needs no collection
    for number in range(20):
        name = f"param_{number}"
        declared = {"__annotations__": {name: int}, name: rt.param(number)}
        made = type("Passing", (rt.Strategy,), declared)
        assert made().params == {"seed": 0, name: number}
        del made
        gc.collect()
