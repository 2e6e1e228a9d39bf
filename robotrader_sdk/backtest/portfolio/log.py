"""In which order orders, lots and fills came about across the books of an account."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass
class Log:
    """For each order, lot and fill of the account the number of its symbol, in order of time.

    decided: for each order at which of the panel's times it was decided; -1 for protection,
    which is made by a fill.
    """

    n_symbols: int
    orders: list[int] = field(default_factory=list)
    lots: list[int] = field(default_factory=list)
    fills: list[int] = field(default_factory=list)
    decided: list[int] = field(default_factory=list)
    _counts: list[tuple[int, int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self._counts = [(0, 0, 0)] * self.n_symbols

    def note(
        self, number: int, n_orders: int, n_lots: int, n_fills: int, decided: int = -1
    ) -> None:
        """Take in how many orders, lots and fills one symbol's book has by now."""
        orders, lots, fills = self._counts[number]
        self._counts[number] = n_orders, n_lots, n_fills
        for _ in range(orders, n_orders):
            self.orders.append(number)
            self.decided.append(decided)
        if n_lots > lots:
            self.lots.extend([number] * (n_lots - lots))
        if n_fills > fills:
            self.fills.extend([number] * (n_fills - fills))
