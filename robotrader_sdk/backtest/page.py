"""A result as one self-contained web page: no network, nothing beside it."""

from __future__ import annotations

import html
from pathlib import Path
from typing import TYPE_CHECKING

import pandas as pd

from robotrader_sdk.backtest import report
from robotrader_sdk.errors import ResultError

if TYPE_CHECKING:
    from robotrader_sdk.backtest.result import BacktestResult

_ROWS = 500

_STYLE = """
body{margin:24px auto;max-width:1240px;padding:0 20px;background:#fff;color:#1f2937}
.rt{max-width:none}
.rt h3{font-size:22px}
h2{font:600 17px system-ui,sans-serif;margin:26px 0 6px}
.rows{overflow:auto;max-height:460px;border:1px solid #e5e7eb;border-radius:8px}
table{border-collapse:collapse;font:13px system-ui,sans-serif;width:100%}
th,td{padding:4px 10px;text-align:right;white-space:nowrap;border-bottom:1px solid #f0f0f0}
th{position:sticky;top:0;background:#f9fafb}
p.note{font:13px system-ui,sans-serif;opacity:.7}
"""


def write(result: BacktestResult, path: Path, more: str = "") -> Path:
    """Write the page; its path. ResultError if the file can't be written."""
    text = document(result, more)
    try:
        path.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ResultError(
            f"the report can't be written to {path}: {error.strerror}; choose a folder that exists "
            f"and is yours to write to"
        ) from None
    return path


def document(result: BacktestResult, more: str = "") -> str:
    """The page as text; `more` is HTML below the chart."""
    figure = result.plot()
    figure.update_layout(width=None, autosize=True, height=900)
    chart = figure.to_html(
        include_plotlyjs=True, full_html=False, config={"displaylogo": False, "responsive": True}
    )
    trades = result.trades.drop(columns="ambiguous") if not result.n_ambiguous else result.trades
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width">'
        f"<title>{html.escape(result.strategy)}</title>"
        f"<style>{report.STYLE}{_STYLE}</style></head><body>"
        f"{report.block(result, curve=False)}{chart}{more}"
        f"<h2>Trades</h2>{_table(trades)}"
        f"<h2>Rejected orders</h2>{_table(result.rejected)}</body></html>"
    )


def _table(frame: pd.DataFrame) -> str:
    if frame.empty:
        return '<p class="note">None.</p>'
    note = ""
    if len(frame) > _ROWS:
        note = f'<p class="note">The last {_ROWS} of {len(frame)} rows.</p>'
    shown = frame.tail(_ROWS).copy()
    for name in shown.columns:
        if isinstance(shown[name].dtype, pd.DatetimeTZDtype):
            shown[name] = shown[name].dt.strftime("%Y-%m-%d %H:%M")
    if "return" in shown:
        shown["return"] = (100 * shown["return"]).map("{:.2f} %".format)
    rows = shown.to_html(border=0, na_rep="", float_format=lambda v: f"{v:,.6g}", index=True)
    return f'{note}<div class="rows">{rows}</div>'
