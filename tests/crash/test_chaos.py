"""After a wild day of twenty bots, books, journal and exchange agree to the last unit."""

from __future__ import annotations

import pytest

from runner.execution.journal.tables import BotState
from tests.crash.chaos import ACCOUNTS, DAY, Day, exchange_with, faults_of
from tests.crash.harness import Outcome
from tests.crash.truth import bots_of, check_books, check_journal, check_once
from tests.runner.testnet.conftest import serve

__all__ = ["serve"]
OUT = (BotState.PAUSED, BotState.STOPPED)
"""No fault here takes a bot out of service: that would be a defect."""


def live_through(serve, folder, n_bars: int, seed: int) -> Outcome:
    day = Day(None, folder, n_bars)
    day.served = serve(exchange_with(day.bars))
    day.run(faults_of(seed))
    return Outcome(day.served, folder / "journal.db", [], 0)


def check(outcome: Outcome, n_bars: int) -> None:
    check_once(outcome)
    assert [bot.state_reason for bot in bots_of(outcome.database) if bot.state in OUT] == []
    for account, owner in ACCOUNTS.items():
        check_journal(outcome, account, owner)
        check_books(outcome, account)
    entries = outcome.served.local.ledger.entries
    met = {
        e.what["fault_kind"] for e in entries if e.kind == "fault" and e.what["what"] == "occurred"
    }
    assert len(met) >= 8, met
    assert len(outcome.served.exchange.records.trades) >= 4 * n_bars


def test_eighty_minutes(serve, tmp_path):
    check(live_through(serve, tmp_path, DAY // 18, seed=1), DAY // 18)


@pytest.mark.long
@pytest.mark.timeout(3_000)
@pytest.mark.parametrize("seed", range(2))
def test_a_day(serve, tmp_path, seed):
    check(live_through(serve, tmp_path, DAY, seed), DAY)
