"""The money that symbols share: what each position adds to the equity and ties up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from robotrader_sdk.trading.book import Book, Table, new_ledger
from robotrader_sdk.trading.margin import Perpetual
from robotrader_sdk.trading.tiers import maintenance_margin

Floats = NDArray[np.float64]


class SharedAccount:
    """One ledger, and what every position is worth at the prices it was last shown.

    A symbol's rules see the other symbols through four sums in the ledger (`trading.ledger`):
    `face` writes them, `note` takes in what a step of the rules has changed. `working` counts
    each symbol's working orders, `n_working` all of them.
    """

    def __init__(self, cash: float, terms: tuple[Table, ...], rules: tuple[Perpetual | None, ...]):
        n_symbols = len(terms)
        self.ledger = new_ledger(cash)
        self._record = self.ledger[0]
        self._rules = rules
        self._margined = np.array([perp is not None for perp in rules])
        self.any_margined = bool(self._margined.any())
        self._cross = self._margined & np.array([table["isolated"][0] == 0 for table in terms])
        self._leverage = np.array([table["leverage"][0] for table in terms])
        self.price = np.zeros(n_symbols)
        self.quantity = np.zeros(n_symbols)
        self.held = np.zeros(n_symbols)
        self.working = np.zeros(n_symbols, np.int64)
        self.n_working = 0
        self._entry_value = np.zeros(n_symbols)
        self._margin = np.zeros(n_symbols)
        self.worth = np.zeros(n_symbols)
        self.tied = np.zeros(n_symbols)
        self._pooled = np.zeros(n_symbols)
        self._maintained = np.zeros(n_symbols)
        self._worth = self._tied = 0.0  # the sums of all symbols

    def cash(self) -> float:
        """Quote money."""
        return float(self._record["cash"])

    def equity(self) -> float:
        """Cash and what all positions are worth."""
        return float(self._record["cash"]) + self._worth

    def weights(self) -> Floats:
        """Each position's value as a fraction of the equity."""
        weights: Floats = self.quantity * self.price / self.equity()
        return weights

    def equity_at(self, prices: Floats) -> Floats:
        """The equity at other prices, a value for each row of prices."""
        worth: Floats = (self.quantity * prices - self._entry_value).sum(axis=-1)
        return worth + float(self._record["cash"])

    @property
    def is_margined(self) -> bool:
        """Whether a perpetual is held."""
        return self.any_margined and bool(self.quantity[self._margined].any())

    def revalue(self, prices: Floats) -> None:
        """Go on with these prices."""
        self.price = prices
        value = self.quantity * prices
        self.worth = value - self._entry_value
        self.tied = np.abs(value)
        self._pooled = self.worth - self.tied
        if self.any_margined:
            for number in np.flatnonzero(self._margined):
                self._margin_of(int(number))
        self._worth, self._tied = float(self.worth.sum()), float(self.tied.sum())

    def beside(self, number: int) -> tuple[float, float]:
        """What the positions in the other symbols are worth, and what they tie up."""
        return self._worth - float(self.worth[number]), self._tied - float(self.tied[number])

    def face(self, number: int) -> None:
        """Show the rules of one symbol what there is in the others."""
        record = self._record
        record["elsewhere"], record["tied"] = self.beside(number)
        if self.any_margined:
            record["pooled"] = self._pooled.sum() - self._pooled[number]
            record["maintained"] = self._maintained.sum() - self._maintained[number]

    def count_working(self, number: int, n_working: int) -> None:
        """Take in how many orders of a symbol are working."""
        self.n_working += n_working - int(self.working[number])
        self.working[number] = n_working

    def note(self, number: int, quantity: float, held: float, n_working: int) -> None:
        """Take in what a step of the rules has left of a symbol that is no perpetual."""
        self.count_working(number, n_working)
        if quantity == self.quantity[number]:
            return
        self.quantity[number] = quantity
        self.held[number] = held
        value = quantity * float(self.price[number])
        self._worth += value - float(self.worth[number])
        self._tied += abs(value) - float(self.tied[number])
        self.worth[number] = value
        self.tied[number] = abs(value)
        self._pooled[number] = value - abs(value)

    def note_margined(self, number: int, book: Book) -> None:
        """The same of a perpetual."""
        position = book.position
        self.count_working(number, int(position["n_working"]))
        self.quantity[number] = position["quantity"]
        self.held[number] = position["held"]
        self._entry_value[number] = position["entry_value"]
        self._margin[number] = position["margin"]
        value = self.quantity[number] * self.price[number]
        self.worth[number] = value - self._entry_value[number]
        self._margin_of(number)
        self._worth, self._tied = float(self.worth.sum()), float(self.tied.sum())

    def _margin_of(self, number: int) -> None:
        """What a perpetual's position ties up, adds to a cross margin and must keep in it."""
        perp, worth = self._rules[number], self.worth[number]
        notional = abs(self.quantity[number]) * self.price[number]
        if perp is None or not self._cross[number]:
            self.tied[number] = self._margin[number] + worth
            self._pooled[number] = worth - self.tied[number]
            return
        self.tied[number] = notional / self._leverage[number]
        self._pooled[number] = worth
        self._maintained[number] = maintenance_margin(perp.tiers, notional)
