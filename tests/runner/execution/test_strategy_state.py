"""What a strategy keeps between bars in the journal: its attributes, and no parameters."""

from __future__ import annotations

import pickle

import robotrader_sdk as rt
from runner.execution.strategy_state import Memory, read_memory, write_memory


class Counts(rt.Strategy):
    """Has a parameter and a count."""

    amount: float = rt.param(1.0, gt=0)

    def on_bar(self, ctx):
        self.count = 1


def test_parameters_are_those_a_strategy_was_made_with() -> None:
    first, then = Counts(amount=3.0), Counts(amount=5.0)
    first.count = 8
    read_memory(write_memory(Memory(), first, ()), then, ())
    assert (then.amount, then.count) == (5.0, 8)


def test_parameters_in_a_state_of_before_are_passed_over() -> None:
    attributes = {"amount": 3.0, "seed": 1, "count": 8}
    stored = pickle.dumps({"orders": {}, "n_orders": {}, "attributes": attributes})
    strategy = Counts(amount=5.0)
    read_memory(stored, strategy, ())
    assert vars(strategy) == {"amount": 5.0, "seed": 0, "count": 8}
