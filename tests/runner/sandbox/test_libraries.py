"""What strategies are written with works inside: in every form, and without a writable file."""

from __future__ import annotations

import importlib.util

import pytest

import robotrader_sdk as rt
from robotrader_sdk.deploy.bundle import Bundle
from runner.sandbox.in_process import InProcess
from runner.sandbox.settings import BotLimits
from tests.runner.sandbox.jails import HOUR, MARKET, RICH, spawn

PATIENT = BotLimits(start_seconds=60.0, wall_seconds=60.0, cpu_seconds=60.0)
BARS = {MARKET.symbol: rt.synthetic_bars(300, "1h", seed=2)}

TOP = """\
import robotrader_sdk as rt


class Bot(rt.Strategy):
    def signals(self, bars):
"""
BOTTOM = """\
        print(float(x).hex())
        return rt.Signals()
"""
USES = {
    "numpy": """
        import numpy as np
        x = np.linalg.lstsq(np.vander(bars.close[:50], 3), bars.open[:50])[0][0]
""",
    "pandas": """
        x = bars.close.rolling("12h").std().ewm(span=5).mean().iloc[-1]
""",
    "pandas, coarser": """
        x = rt.resample(bars, "4h").close.tz_convert("Asia/Tokyo").iloc[-1]
""",
    "talib": """
        import talib
        x = talib.HT_TRENDLINE(bars.close.to_numpy())[-1]
""",
    "ta": """
        import ta
        x = ta.trend.IchimokuIndicator(bars.high, bars.low).ichimoku_a().iloc[-1]
""",
    "scipy": """
        from scipy.optimize import minimize
        x = minimize(lambda v: (v[0] - 2) ** 2, [0.0]).x[0]
""",
    "sklearn": """
        from sklearn.ensemble import RandomForestRegressor
        model = RandomForestRegressor(5, random_state=1, n_jobs=1)
        x = model.fit(bars[["open", "high"]], bars.close).predict(bars[["open", "high"]])[0]
""",
}


@pytest.mark.parametrize("library", USES)
def test_a_library_gives_in_the_jail_what_it_gives_outside(prison, library):
    if importlib.util.find_spec(library.partition(",")[0]) is None:
        pytest.skip(f"{library} is not installed")
    code = f"{TOP}{USES[library]}{BOTTOM}"

    async def work():
        bot = await spawn(prison.jail, Bundle.of("Bot", code), limits=PATIENT)
        decision = await bot.decide(BARS, RICH)
        await bot.kill()
        scope = {"__name__": "outside"}
        exec(code, scope)
        beside = InProcess(scope["Bot"](), markets=(MARKET,), timeframe=HOUR)
        return decision, await beside.decide(BARS, RICH)

    inside, outside = prison.run(work())
    assert inside.is_decided, inside.reason
    assert (inside.logs, inside.intents) == (outside.logs, outside.intents)
    assert len(inside.logs) == 1
