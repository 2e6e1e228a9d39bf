"""Event strategies that between them use every size, and every kind of entry and exit."""

from __future__ import annotations

import robotrader_sdk as rt


class Trims(rt.Strategy):
    """Adds twice, sells a part and adds again, then closes; each size by the same unit."""

    width: float = rt.param(0.05)
    unit: str = rt.param("fraction", choices=("fraction", "notional", "quantity"))

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 3)
        self.n_steps = 0

    def size(self, ctx, share: float) -> dict[str, float]:
        money = share * ctx.equity
        return {self.unit: {"fraction": share, "notional": money}.get(self.unit, money / ctx.close)}

    def on_bar(self, ctx) -> None:
        rises = ctx.close > self.sma[-1]
        if not ctx.position:
            self.n_steps = 0
        if self.n_steps == 4:
            if not rises:
                ctx.close_position()
        elif rises is (self.n_steps != 2):
            if self.n_steps == 2:
                ctx.sell(**self.size(ctx, 0.23))
            else:
                ctx.buy(**self.size(ctx, 0.17), stop_loss=(1 + 0.2 * self.n_steps) * self.width)
            self.n_steps += 1


class Risks(rt.Strategy):
    """Sized by the loss at the stop; in at the market, by a stop, by a limit; out by protection."""

    width: float = rt.param(0.05)

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 3)
        self.n_entries = 0

    def on_bar(self, ctx) -> None:
        if ctx.position or ctx.orders or ctx.close < self.sma[-1]:
            return
        risk, width, self.n_entries = 0.2 * self.width, self.width, self.n_entries + 1
        if self.n_entries % 3 == 1:
            ctx.buy(risk=risk, stop_loss=0.7 * width, take_profit=0.6 * width)
        elif self.n_entries % 3 == 2:
            stop = ctx.close * (1 + 0.1 * width)
            ctx.buy(
                risk=risk, stop_price=stop, valid_bars=2,
                stop_loss_price=stop * (1 - 0.6 * width), take_profit_price=stop * (1 + width),
            )  # fmt: skip
        else:
            limit = ctx.close * (1 - 0.1 * width)
            ctx.buy(risk=risk, limit_price=limit, valid_bars=2, trailing_stop=0.8 * width)


class Waits(rt.Strategy):
    """In by stop-limits, without protection; out in parts: a limit, a stop, all that is left."""

    width: float = rt.param(0.05)

    def init(self, bars) -> None:
        self.n_bars = 0

    def on_bar(self, ctx) -> None:
        width, close, held = self.width, ctx.close, ctx.position.quantity
        self.n_bars = self.n_bars + 1 if held else 0
        if not held and not ctx.orders:
            stop = close * (1 + 0.1 * width)
            limit = stop * (1 + width)  # a gap beyond it would fill at an exchange at once
            quantity = 0.4 * ctx.equity / close
            ctx.buy(quantity=quantity, stop_price=stop, limit_price=limit, valid_bars=2)
        elif self.n_bars == 1:
            ctx.sell(quantity=held / 3, limit_price=close * (1 + 0.1 * width))
            ctx.sell(notional=0.1 * ctx.equity, stop_price=close * (1 - 0.2 * width))
        elif self.n_bars == 6:
            ctx.sell()


class Swaps(rt.Strategy):
    """Buys and sells at one open, asked for in either order."""

    width: float = rt.param(0.05)

    def init(self, bars) -> None:
        self.sma = self.indicator(rt.ta.sma, bars.close, 3)

    def on_bar(self, ctx) -> None:
        held = ctx.position.quantity
        if not held:
            ctx.buy(fraction=0.95)
        elif ctx.bar_number % 3 == 0:
            ctx.buy(fraction=0.3)
            ctx.sell(quantity=0.4 * held)
        elif ctx.bar_number % 3 == 1:
            ctx.sell(notional=0.2 * ctx.equity)
            ctx.buy(notional=0.1 * ctx.equity)
        elif ctx.close > self.sma[-1]:
            ctx.close_position()
            ctx.buy(fraction=0.8)


class Flips(rt.Strategy):
    """Long and short by every unit: adds, reduces, turns around by one larger order, closes."""

    width: float = rt.param(0.05)

    def init(self, bars) -> None:
        self.n_steps = 0

    def on_bar(self, ctx) -> None:
        held, equity, close = ctx.position.quantity, ctx.equity, ctx.close
        order = (ctx.buy, ctx.sell) if held >= 0 else (ctx.sell, ctx.buy)
        step, self.n_steps = self.n_steps % 8, self.n_steps + 1
        with_it, against = order
        if not held or step == 0:
            with_it(fraction=0.6, stop_loss=2 * self.width)
        elif step == 1:
            with_it(notional=0.3 * equity, trailing_stop=2 * self.width)
        elif step == 2:
            against(fraction=0.2)
        elif step == 3:
            with_it(risk=0.3 * self.width, stop_loss=1.5 * self.width, take_profit=self.width)
        elif step == 4:
            against(notional=0.15 * equity)
            with_it(quantity=0.1 * equity / close)
        elif step == 5:
            against(quantity=abs(held) / 4)
        elif step == 6:
            against(quantity=abs(held) + 0.3 * equity / close)
        elif held < 0:
            ctx.close_position()


class Juggles(rt.PortfolioStrategy):
    """Event form: adds to some positions and sells a part of others at one open, by every unit."""

    def init(self, panel) -> None:
        pass

    def on_bar(self, ctx) -> None:
        if ctx.bar_number < 3:
            return
        for place, symbol in enumerate(ctx):
            one, step = ctx[symbol], (ctx.bar_number + place) % 4
            share = one.position.quantity * one.close / ctx.equity
            if step == 3 and share > 0.06:
                one.sell(fraction=0.05)
            elif step == 2 and share:
                one.buy(fraction=0.02)
                one.sell(quantity=one.position.quantity / 3)
            elif step == 1 and share < 0.25:
                one.buy(notional=0.08 * ctx.equity)
            elif share < 0.2:
                one.buy(fraction=0.1)
