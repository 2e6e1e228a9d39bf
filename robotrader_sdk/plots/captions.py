"""What a figure says about itself."""

from __future__ import annotations

import pandas as pd

from robotrader_sdk.plots.prices import fills_shown
from robotrader_sdk.plots.run import Run, Window
from robotrader_sdk.plots.times import span_text


def subtitle(run: Run, window: Window) -> str:
    """Which bars are shown, and what was merged or left out to show them."""
    shown = run.bars.index[window.first : window.end]
    parts = [span_text(shown), f"{len(shown):,d} bar{'s' * (len(shown) != 1)}"]
    if window.per_candle > 1:
        parts.append(f"1 candle = {window.per_candle:,d} bars")
    fills = int(run.within(window, pd.Index(run.fills["time"])).sum())
    if fills > run.limits.fills:
        parts.append(f"{len(fills_shown(run, window)):,d} of {fills:,d} fills shown")
    return " · ".join(parts)
