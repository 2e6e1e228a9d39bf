"""The portfolio benchmark in small: both contenders do the same work."""

from __future__ import annotations

import numpy as np

from tests.benchmarks import portfolio


def test_both_give_the_same_equity():
    frames = portfolio.daily_bars(5, 200)
    weights = portfolio.month_end_weights(frames)

    ours = portfolio.our_job(frames, weights)()
    theirs = portfolio.bt_job(frames, weights)()

    np.testing.assert_allclose(ours, theirs, rtol=1e-9)
    assert abs(ours[-1] / 10_000.0 - 1.0) > 1e-3
