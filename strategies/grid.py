"""Grid: a ladder of limit orders."""

from __future__ import annotations

from typing import TYPE_CHECKING

import robotrader_sdk as rt
from robotrader_sdk.types import OrderStatus

if TYPE_CHECKING:
    from robotrader_sdk.strategy.intents import Order


class Grid(rt.Strategy):
    """Limit buys one below the other; what a level buys is sold one level higher, again and again.

    Idea: a price that swings passes the same levels many times, and each time it falls through
    one and comes back the grid earns the distance of two levels, less two maker fees. It has no
    opinion on direction and no stop: it holds what it bought until the price is back.

    The first level is `spacing` below the base, each further one `spacing` below the one above.
    The base is the close of the first bar; with `follow`, it moves up with the price while
    nothing is held. Each level spends `fraction` of the equity at the start.

    Source: the mechanism is folklore of currency traders; F. Rundo et al., "Grid Trading System
    Robot (GTSbot)", Applied Sciences 9(9), 2019; why it ruins in the long run: A. Taranto and
    S. Khan, "Gambler's ruin problem and bi-directional grid constrained trading and investment
    strategies", Investment Management and Financial Innovations 17(3), 2020.

    Fails: in a fall below the lowest level, where it holds everything it could buy and waits; in
    a long rise, where it is mostly in cash; when `spacing` is near two fees, or so small that
    a bar spans several levels.
    """

    levels: int = rt.param(10, ge=1, le=100, description="how many buy orders the ladder has")
    spacing: float = rt.param(0.02, gt=0, le=0.5, description="distance of two levels, a fraction")
    fraction: float = rt.param(0.1, gt=0, le=1, description="equity at the start spent by a level")
    follow: bool = rt.param(True, description="move the ladder up while nothing is held")

    base = 0.0  # the price above the first level; 0: there is no ladder yet

    def check(self) -> None:
        """All levels together can be paid for."""
        if self.levels * self.fraction > 1 + 1e-9:
            raise ValueError(
                f"levels x fraction must be at most 1, the whole equity, got "
                f"{self.levels} x {self.fraction:g} = {self.levels * self.fraction:g}"
            )

    def on_bar(self, ctx: rt.Context) -> None:
        """Place an order at each level that has none and holds nothing."""
        if not self.base:
            self.stake = self.fraction * ctx.equity
            self._hang_ladder(ctx)
        elif self.follow and not ctx.position and ctx.close * (1 - self.spacing) > self.base:
            self._hang_ladder(ctx)
        taken = self._levels_taken(ctx.position.quantity)
        free = [level for level in range(1, self.levels + 1) if level not in taken]
        affordable = int(ctx.cash / self.stake + 1e-9) - len(ctx.orders)
        for level in free[: max(affordable, 0)]:
            self.orders[level] = ctx.buy(
                notional=self.stake,
                limit_price=self._price(level),
                take_profit_price=self._price(level - 1),
            )

    def _hang_ladder(self, ctx: rt.Context) -> None:
        for order in ctx.orders:
            ctx.cancel(order)
        self.base = ctx.close
        self.orders: dict[int, Order] = {}  # the latest order of each level, 1 the highest

    def _price(self, level: int) -> float:
        return self.base * (1 - self.spacing) ** level

    def _levels_taken(self, held: float) -> set[int]:
        """The levels whose order works, was refused, or has bought what is still held.

        Levels buy from the top down and sell from the bottom up, so what is held was bought by
        the highest of those that have bought.
        """
        taken = set()
        for level, order in sorted(self.orders.items()):
            if order.status is not OrderStatus.FILLED:
                if order.is_working or order.status is OrderStatus.REJECTED:
                    taken.add(level)
            elif held > order.quantity / 2:
                taken.add(level)
                held -= order.quantity
        return taken
