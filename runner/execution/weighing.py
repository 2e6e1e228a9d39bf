"""What weights come to in orders: what shrinks is sold first, and what grows waits for it."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from robotrader_sdk.trading.rebalancing import shrinking
from robotrader_sdk.types import OrderType, Side
from runner.execution.decision import NewOrder
from runner.execution.executor import Executor
from runner.execution.identity import Purpose
from runner.execution.journal.standing import Standing
from runner.execution.promotion import desk_of
from runner.execution.rules import Rules


async def weigh(
    executor: Executor, standing: Standing, weights: Mapping[str, float], *, number: int
) -> list[NewOrder]:
    """What weights come to at the prices now: what shrinks is sized, what grows waits for it.

    number: that of the first order in its decision.
    """
    if not weights:
        return []
    symbols = list(weights)
    prices = await executor.prices(standing, *symbols)
    desk = desk_of(symbols, executor.rules, prices, standing)
    wanted = np.array([weights[symbol] for symbol in symbols])
    added = shrinking(desk, wanted, float(standing.equity(prices)))
    made = []
    for symbol, signed, held in zip(symbols, added.tolist(), desk.held.tolist(), strict=True):
        if signed:
            made.append(_shrink(executor.rules[symbol], signed, whole=signed == -held))
    after = tuple(range(number, number + len(made)))
    for symbol, weight in weights.items():
        if weight:
            side = Side.BUY if weight > 0 else Side.SELL
            made.append(
                NewOrder(
                    symbol=symbol,
                    side=side,
                    type=OrderType.MARKET,
                    purpose=Purpose.REBALANCE,
                    sizing={"weight": weight},
                    after=after,
                )
            )
    return made


def _shrink(rules: Rules, signed: float, *, whole: bool) -> NewOrder:
    return NewOrder(
        symbol=rules.market.symbol,
        side=Side.BUY if signed > 0 else Side.SELL,
        type=OrderType.MARKET,
        purpose=Purpose.EXIT,
        quantity=None if whole else rules.lots(abs(signed)),
        sizing={"unit": "position" if whole else "at most"},
        reduce_only=rules.market.is_perpetual,
    )
