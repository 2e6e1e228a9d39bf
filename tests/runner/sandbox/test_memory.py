"""What a bot has to itself: all else it shares with the zygote it was forked from."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from runner.sandbox.processes import kilobytes
from strategies import Dca
from tests.runner.sandbox.jails import RICH, Prison, flat_bars, spawn

LIGHT = 5 << 20
"""Bytes; without what is done about it a light bot has more."""


def test_a_light_bot_has_little_to_itself(prison: Prison) -> None:
    async def work() -> int:
        checking = await spawn(prison.jail, Dca)
        bot = await spawn(prison.jail, Dca, checking.params)
        for n_bars in range(500, 520):
            assert (await bot.decide(flat_bars(n_bars), RICH)).is_decided
        size = _private_bytes(bot.process)
        await checking.kill()
        await bot.kill()
        return size

    if os.geteuid() != 0:
        pytest.skip("only root may look")
    assert 0 < prison.run(work()) < LIGHT


def _private_bytes(process: int | None) -> int:
    lines = Path(f"/proc/{process}/smaps_rollup").read_text().splitlines()
    facts = {name: text for name, _, text in (line.partition(":") for line in lines)}
    return kilobytes(facts["Private_Dirty"])
