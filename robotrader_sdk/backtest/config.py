"""The settings of a run, checked once, and the contract they make."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Literal, get_args

from robotrader_sdk.errors import BacktestError, InstrumentError
from robotrader_sdk.trading.costs import Fees, fraction_of_notional
from robotrader_sdk.trading.instrument import Instrument

FillAt = Literal["next_open", "close"]
LimitFill = Literal["through", "touch"]
MarginMode = Literal["isolated", "cross"]


@dataclass(frozen=True, slots=True, kw_only=True)
class BacktestConfig:
    """What a run is run with; `rt.backtest` describes each setting.

    BacktestError names the first setting that is out of range.
    """

    cash: float = 10_000.0
    fees: Fees = field(default_factory=Fees)
    slippage: float = 0.0
    instrument: Instrument = field(default_factory=Instrument)
    fill_at: FillAt = "next_open"
    limit_fill: LimitFill = "through"
    leverage: float = 1.0
    margin: MarginMode = "isolated"
    max_funding_rate: float = 0.003
    symbols: Mapping[str, BacktestConfig] = field(default_factory=dict)
    """Of a panel: what is run with other settings, by symbol."""

    def __post_init__(self) -> None:
        cash = self.cash
        if isinstance(cash, bool) or not _is_number(cash) or not 0 < float(cash) < math.inf:
            raise BacktestError(f"cash must be an amount of money above 0, got {cash!r}")
        object.__setattr__(self, "cash", float(cash))
        if not isinstance(self.fees, Fees):
            raise BacktestError(f"fees must be rt.Fees(maker=.001, taker=.001), got {self.fees!r}")
        slippage = fraction_of_notional("slippage", self.slippage)
        if slippage < 0.0:
            raise BacktestError(f"slippage is against the trader and never below 0, got {slippage}")
        object.__setattr__(self, "slippage", slippage)
        if not isinstance(self.instrument, Instrument):
            raise BacktestError(
                f"instrument must be rt.Instrument(...) or None, got {self.instrument!r}"
            )
        _one_of("fill_at", self.fill_at, get_args(FillAt))
        _one_of("limit_fill", self.limit_fill, get_args(LimitFill))
        _one_of("margin", self.margin, get_args(MarginMode))
        self._check_leverage()

    def for_symbol(self, symbol: str) -> BacktestConfig:
        """The settings of one symbol of a panel."""
        own = self.symbols.get(symbol, self)
        if own.instrument.symbol:
            return own
        return replace(own, instrument=replace(own.instrument, symbol=symbol))

    def _check_leverage(self) -> None:
        for name in ("leverage", "max_funding_rate"):
            value = getattr(self, name)
            if isinstance(value, bool) or not _is_number(value) or not 0 < float(value) < math.inf:
                raise BacktestError(f"{name} must be a number above 0, got {value!r}")
            object.__setattr__(self, name, float(value))
        instrument = self.instrument
        if not instrument.is_perpetual:
            if self.leverage != 1.0:
                raise InstrumentError(
                    f"leverage={self.leverage:g} needs an instrument of kind 'linear_perpetual'; "
                    f"this one is {instrument.kind!r} and is paid in full"
                )
            return
        allowed = instrument.tiers[0].max_leverage
        if self.leverage > allowed:
            raise InstrumentError(
                f"leverage={self.leverage:g} is above {allowed:g}, the max_leverage of the first "
                f"margin tier of {instrument.symbol or 'the instrument'}"
            )

    @property
    def contract(self) -> str:
        """One line that says how this run filled its orders and what it paid."""
        instrument = self.instrument
        steps = [
            f"{label} {value:g}"
            for label, value in (
                ("tick", instrument.tick_size),
                ("lot", instrument.lot_size),
                ("minimum notional", instrument.min_notional),
            )
            if value
        ]
        when = "the next open" if self.fill_at == "next_open" else "the same close (not tradable)"
        how = "traded through" if self.limit_fill == "through" else "touched"
        paid = f"fees {_percent(self.fees.maker)} maker, {_percent(self.fees.taker)} taker"
        currency = " in base" if instrument.fee_currency == "base" else ""
        parts = [
            f"market orders fill at {when}",
            f"limits when {how}",
            paid + currency,
            f"slippage {_percent(self.slippage)}",
            " ".join([instrument.kind, "instrument", *steps]),
        ]
        if instrument.is_perpetual:
            rate = instrument.tiers[0].maintenance_rate
            parts.append(
                f"{self.margin} margin at {self.leverage:g} x, maintenance from {_percent(rate)}, "
                f"liquidation fee {_percent(instrument.liquidation_fee)}"
            )
        return "; ".join(parts)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return not isinstance(value, str)


def _one_of(name: str, value: object, known: tuple[str, ...]) -> None:
    if value not in known:
        raise BacktestError(f"{name} must be one of {', '.join(map(repr, known))}, got {value!r}")


def _percent(fraction: float) -> str:
    return f"{100 * fraction:g} %"
