"""Parametric: what every strategy class has, whatever it trades: declared parameters."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar, Self

from robotrader_sdk.errors import ParameterError, StrategyError
from robotrader_sdk.loading import without_collecting
from robotrader_sdk.strategy.params import (
    Param,
    build_model,
    declared_params,
    param,
    validate_params,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import pydantic


class Parametric:
    """A class with declared parameters, a warm-up and registered indicators.

    `rt.Strategy` and `rt.PortfolioStrategy` derive from it (each states itself as the `root` of
    its kind); users derive from those.
    """

    if TYPE_CHECKING:

        @property
        def warmup_bars(self) -> int | None:
            """Stated as a class attribute or a property."""
    else:
        warmup_bars = None

    seed: int = param(0, ge=0, description="seed of ctx.rng")

    _model: ClassVar[type[pydantic.BaseModel] | None] = None
    _root: ClassVar[type[Parametric]]
    _declarable: ClassVar[frozenset[str]] = frozenset({"seed"})
    """What every strategy has and may all the same be declared as a parameter."""

    def __init_subclass__(cls, *, root: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._model = None
        if root:
            cls._root = cls
            return
        for name, value in vars(cls).items():
            taken = name not in cls._declarable and hasattr(cls._root, name)
            if isinstance(value, Param) and taken:
                raise ParameterError(
                    f"{cls.__name__}: a parameter can't be named {name}; every strategy has that "
                    f"attribute already"
                )

    def __init__(self, *args: Any, **values: Any) -> None:
        name = type(self).__name__
        if args:
            raise ParameterError(f"parameters of {name} are named: {name}(parameter=value)")
        self.__dict__.update(validate_params(type(self), _model_of(type(self)), values))
        try:
            self.check()
        except ValueError as error:
            if isinstance(error, ParameterError):
                raise
            raise ParameterError(f"{self!r}: {error}") from None

    @classmethod
    def parameters(cls) -> dict[str, Any]:
        """The declared parameters as a JSON schema: types, defaults, bounds, descriptions."""
        return _model_of(cls).model_json_schema()

    @property
    def params(self) -> dict[str, Any]:
        """The values of the declared parameters."""
        return {name: self.__dict__[name] for name in declared_params(type(self))}

    def check(self) -> None:
        """Raise ValueError if the parameters don't fit together."""

    def indicator(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Register an indicator in `init`; afterwards `[-1]` is now and `[-2]` the bar before.

        function: any function of the bars or their columns that returns one value a bar, such
            as those of `rt.ta`; one with several outputs gives them by name.
        args: the handle that `init` gets, one of its columns, another indicator, or plain values;
            or `rt.resample(bars, "4h")`, one of its columns, or an indicator of those. It is
            computed on the coarser bars and has the value of the last of them that has closed
            by now: `[-2]` is what that was one bar of the strategy ago. For the coarser bar
            before, register it: `self.indicator(lambda line: line.shift(), self.ema)`.

        StrategyError outside `init`.
        """
        register = self.__dict__.get("_register")
        if register is None:
            raise StrategyError(
                f"{type(self).__name__}: self.indicator belongs into init(self, bars), which is "
                f"called once before the first bar"
            )
        return register(function, args, kwargs)

    def fresh(self) -> Self:
        """A new strategy of the same class and parameters, without any state of a run."""
        return type(self).with_valid(self.params)

    @classmethod
    def with_valid(cls, params: Mapping[str, Any]) -> Self:
        """A strategy with all its parameters, as `params` gives them: they are not checked again.

        A class with an `__init__` of its own is made by that, which does check them.
        """
        if cls.__init__ is not Parametric.__init__:
            return cls(**params)
        made = object.__new__(cls)
        made.__dict__.update(params)
        return made

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.params.items() if k != "seed" or v != 0}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Parametric):
            return NotImplemented
        return type(self) is type(other) and self.params == other.params

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))


def stated_warmup(strategy: Parametric) -> int | None:
    """A strategy's `warmup_bars`; StrategyError if it is no number of bars."""
    stated: object = strategy.warmup_bars
    if stated is None:
        return None
    if isinstance(stated, bool) or not isinstance(stated, Integral) or stated < 0:
        raise StrategyError(
            f"{type(strategy).__name__}.warmup_bars must be a whole number of bars >= 0, or None, "
            f"got {stated!r}"
        )
    return int(stated)


def written_form(strategy: Parametric, vectorised: str, event: str) -> bool:
    """Whether a strategy has the vectorised method and not the event one.

    Both are written as a call, such as `signals(self, bars)`. StrategyError if it has both or
    neither.
    """
    own, root = type(strategy), type(strategy)._root
    names = [call.partition("(")[0] for call in (vectorised, event)]
    has = [getattr(own, name) is not getattr(root, name) for name in names]
    if has[0] == has[1]:
        raise StrategyError(
            f"{own.__name__} has {'both' if has[0] else 'neither'} of {vectorised} and {event}; "
            f"write exactly one"
        )
    return has[0]


def _model_of(strategy_class: type[Parametric]) -> type[pydantic.BaseModel]:
    if strategy_class._model is None:
        with without_collecting():
            strategy_class._model = build_model(strategy_class)
    return strategy_class._model
