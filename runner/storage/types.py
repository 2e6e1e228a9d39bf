"""Column types that give back exactly what was put in, on SQLite and PostgreSQL alike.

SQLite keeps NUMERIC as a binary float and forgets time zones, silently.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from enum import Enum
from typing import Any, TypeVar

from sqlalchemy import DateTime, Dialect, String
from sqlalchemy.types import TypeDecorator

from runner.storage.errors import ValueRefusedError

DIGITS = 60
"""Room for 38 digits before the point, 18 behind it, the sign and the point."""

Label = TypeVar("Label", bound=Enum)


def canonical(value: Decimal) -> str:
    """The one text of a number: no exponent, no zeros at the end, no negative zero."""
    text = format(value, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text in ("-0", "") else text


class ExactDecimal(TypeDecorator[Decimal]):
    """A Decimal as text; equal numbers are equal texts. Floats, NaN and infinities are refused."""

    impl = String(DIGITS)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Into the database."""
        if value is None:
            return None
        if isinstance(value, bool) or not isinstance(value, Decimal | int):
            raise ValueRefusedError(
                f"money and quantities are Decimal, got {value!r} ({type(value).__name__}); "
                "convert it with Decimal(str(...)) where it comes from"
            )
        number = Decimal(value)
        if not number.is_finite():
            raise ValueRefusedError(f"{value!r} is no number that can be kept")
        text = canonical(number)
        if len(text) > DIGITS:
            raise ValueRefusedError(f"{value!r} has more than {DIGITS} characters")
        return text

    def process_result_value(self, value: Any, dialect: Dialect) -> Decimal | None:  # noqa: ARG002
        """Out of the database."""
        return None if value is None else Decimal(value)


class UtcTime(TypeDecorator[datetime]):
    """An aware time, kept and given back in UTC, to the microsecond. Naive times are refused."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> datetime | None:
        """Into the database."""
        if value is None:
            return None
        if not isinstance(value, datetime) or value.tzinfo is None:
            raise ValueRefusedError(f"a time needs its zone, got {value!r}; use UTC")
        utc = value.astimezone(UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:  # noqa: ARG002
        """Out of the database."""
        if value is None:
            return None
        kept: datetime = value
        return kept.replace(tzinfo=UTC) if kept.tzinfo is None else kept.astimezone(UTC)


class Labelled(TypeDecorator[Label]):
    """A member of an enumeration by its name, in small letters; what is not one is refused."""

    impl = String(24)
    cache_ok = True

    def __init__(self, kind: type[Label]) -> None:
        super().__init__()
        self.kind = kind

    def process_bind_param(self, value: Any, dialect: Dialect) -> str | None:  # noqa: ARG002
        """Into the database."""
        if value is None:
            return None
        if not isinstance(value, self.kind):
            raise ValueRefusedError(f"expected a {self.kind.__name__}, got {value!r}")
        return value.name.lower()

    def process_result_value(self, value: Any, dialect: Dialect) -> Label | None:  # noqa: ARG002
        """Out of the database."""
        return None if value is None else self.kind[value.upper()]
