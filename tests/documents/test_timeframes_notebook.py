"""The notebook on several timeframes shows what its text says."""

from __future__ import annotations

from .kernel import Cells, said

NOTEBOOK = "02_several_timeframes.ipynb"


def test_a_day_is_known_at_its_last_hour(executed: Cells) -> None:
    before, last, after = (line.split()[2:] for line in said(executed, 'method="ffill"')[-3:])
    assert before[1] == "NaN"
    assert last[0] == last[1] == after[1] == before[2] == last[2]  # the mistake knows it early


def test_the_event_form_finds_its_warmup(executed: Cells) -> None:
    lines = said(executed, "hours of warm-up")
    assert lines[0] == "263 hours of warm-up"
    assert lines[1] == "['ema(10) 1d', '<lambda> 1d', 'rsi(14)']"


def test_both_forms_fill_alike(executed: Cells) -> None:
    assert said(executed, "class DipInTrendSignals") == [
        "the same fills: True",
        "the same equity, to the last bit: True",
    ]


def test_finer_bars_settle_what_was_in_doubt(executed: Cells) -> None:
    table = {line.split()[0]: line.split()[1:] for line in said(executed, "class Tight")[1:]}
    alone, fine = (int(float(n)) for n in table["n_ambiguous"])
    assert alone > 10 * max(fine, 1)
    assert float(table["n_settled"][1]) > 10


def test_mistakes_are_named(executed: Cells) -> None:
    assert "mixes bars and rt.resample(bars, '1d')" in said(executed, "class Mixed")[0]
    doubt, *shown = said(executed, "daily.close.head(1)")
    assert "don't tell how long they are: there is one of them" in doubt
    assert [line.split()[-1] == "NaN" for line in shown[1:4]] == [True, False, False]


def test_a_shorter_history_shows_the_same(executed: Cells) -> None:
    lines = said(executed, "for hours in")
    assert len(lines) == 4
    assert all(line.endswith("True") for line in lines)


def test_the_triple_screen_trades(executed: Cells) -> None:
    trades = next(line for line in said(executed, "TripleScreen(") if "n_trades" in line)
    assert float(trades.split()[-1]) > 30
