"""Strategy: the class a user writes, once, for backtest, paper and live."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, ClassVar

from robotrader_sdk.errors import ParameterError, StrategyError
from robotrader_sdk.strategy.params import Param, build_model, param, validate_params

if TYPE_CHECKING:
    from collections.abc import Callable

    import pandas as pd
    import pydantic

    from robotrader_sdk.strategy.context import Context
    from robotrader_sdk.strategy.indicator import BarsHandle
    from robotrader_sdk.strategy.signals import Signals


class Strategy:
    """A trading strategy with declared parameters, in one of two forms.

    Vectorised: write `signals(self, bars)` and return `rt.Signals`, wishes for every bar at once.
    Event: write `on_bar(self, ctx)`, called at the close of each bar, seeing the past only;
    register indicators in `init(self, bars)`.

        class SmaCross(rt.Strategy):
            fast: int = rt.param(10, ge=2, le=200)
            slow: int = rt.param(50, ge=2, le=400)

            def check(self):
                if self.fast >= self.slow:
                    raise ValueError("fast must be below slow")

            def signals(self, bars):
                fast, slow = rt.ta.sma(bars.close, self.fast), rt.ta.sma(bars.close, self.slow)
                return rt.Signals(
                    enter_long=rt.ta.crossed_above(fast, slow),
                    exit_long=rt.ta.crossed_below(fast, slow),
                )

    warmup_bars: how many bars pass before the first decision; nothing trades before it. None:
    what the registered indicators need (event form), or 0 (vectorised form). State it as a
    class attribute or a property.
    seed: the seed of `ctx.rng`, a parameter every strategy has.

    ParameterError if a parameter is unknown, of the wrong type or out of bounds, or if `check`
    objects.
    """

    if TYPE_CHECKING:

        @property
        def warmup_bars(self) -> int | None:
            """Stated as a class attribute or a property."""
    else:
        warmup_bars = None

    seed: int = param(0, ge=0, description="seed of ctx.rng")

    _model: ClassVar[type[pydantic.BaseModel] | None] = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls._model = None
        for name, value in vars(cls).items():
            if isinstance(value, Param) and name != "seed" and hasattr(Strategy, name):
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
        return {name: self.__dict__[name] for name in _model_of(type(self)).model_fields}

    def check(self) -> None:
        """Raise ValueError if the parameters don't fit together."""

    def signals(self, bars: pd.DataFrame) -> Signals:
        """Vectorised form: wishes for every bar, from the user's DataFrame of bars."""
        raise NotImplementedError

    def init(self, bars: BarsHandle) -> None:
        """Event form: register indicators, `self.sma = self.indicator(rt.ta.sma, bars.close, 10)`.

        `bars` is a handle that serves `self.indicator` and nothing else.
        """

    def on_bar(self, ctx: Context) -> None:
        """Event form: called at each bar's close, with the past, the position and the orders."""
        raise NotImplementedError

    def indicator(self, function: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """Register an indicator in `init`; afterwards `[-1]` is now and `[-2]` the bar before.

        function: any function of the bars or their columns that returns one value a bar, such
            as those of `rt.ta`; one with several outputs gives them by name.
        args: the handle `bars`, one of its columns, another indicator, or plain values.

        StrategyError outside `init`.
        """
        register = self.__dict__.get("_register")
        if register is None:
            raise StrategyError(
                f"{type(self).__name__}: self.indicator belongs into init(self, bars), which is "
                f"called once before the first bar"
            )
        return register(function, args, kwargs)

    def fresh(self) -> Strategy:
        """A new strategy of the same class and parameters, without any state of a run."""
        return type(self)(**self.params)

    def __repr__(self) -> str:
        shown = {k: v for k, v in self.params.items() if k != "seed" or v != 0}
        return f"{type(self).__name__}({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Strategy):
            return NotImplemented
        return type(self) is type(other) and self.params == other.params

    def __hash__(self) -> int:
        return hash((type(self), repr(self)))


def stated_warmup(strategy: Strategy) -> int | None:
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


def is_vectorised(strategy: Strategy) -> bool:
    """Whether a strategy is written as `signals`; StrategyError if it is both forms or neither."""
    has_signals = type(strategy).signals is not Strategy.signals
    has_on_bar = type(strategy).on_bar is not Strategy.on_bar
    if has_signals == has_on_bar:
        found = "both" if has_signals else "neither"
        raise StrategyError(
            f"{type(strategy).__name__} has {found} of signals(self, bars) and on_bar(self, ctx); "
            f"write exactly one"
        )
    return has_signals


def _model_of(strategy_class: type[Strategy]) -> type[pydantic.BaseModel]:
    if strategy_class._model is None:
        strategy_class._model = build_model(strategy_class)
    return strategy_class._model
