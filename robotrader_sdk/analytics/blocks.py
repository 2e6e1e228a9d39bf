"""Sums over a long array, block by block, in a form that compiles to vector instructions.

A compiler may not reorder a sum of floats. So the values of a block are added to as many
running sums, side by side in an array of the block's length (its lanes), and only the lanes are
summed, once, at the end.
"""

from __future__ import annotations

from robotrader_sdk.analytics.arrays import FloatArray
from robotrader_sdk.compiled import rule

BLOCK = 512
"""Values in a block: 4 kB, so that several arrays of lanes fit in a processor's nearest cache."""


@rule
def fill_returns(equity: FloatArray, before: float, out: FloatArray) -> None:
    """Write the first len(out) simple returns of `equity`, the first from `before`."""
    out[0] = (equity[0] - before) / before
    later, now, earlier = out[1:], equity[1 : len(out)], equity[: len(out) - 1]
    for i in range(len(later)):
        later[i] = (now[i] - earlier[i]) / earlier[i]


@rule
def add_to_moments(
    values: FloatArray, share: float, means: FloatArray, squares: FloatArray
) -> None:
    """Add each value to its lane's mean and sum of squared distances from it.

    `share` is 1 / how many values a lane then has. Source: B. P. Welford, Note on a Method for
    Calculating Corrected Sums of Squares and Products, Technometrics, 1962.
    """
    for i in range(len(values)):
        distance = values[i] - means[i]
        mean = means[i] + distance * share
        means[i] = mean
        squares[i] += distance * (values[i] - mean)


@rule
def add_squared_losses(values: FloatArray, out: FloatArray) -> None:
    """Add the square of each negative value to its lane."""
    for i in range(len(values)):
        loss = min(values[i], 0.0)
        out[i] += loss * loss


@rule
def add(values: FloatArray, out: FloatArray) -> None:
    """Add each value to its lane."""
    for i in range(len(values)):
        out[i] += values[i]


@rule
def low_and_high(values: FloatArray) -> tuple[float, float]:
    """Lowest and highest of the values, of which there must be one."""
    a = b = c = d = values[0]
    p = q = r = s = values[0]
    whole = len(values) - len(values) % 4
    for i in range(0, whole, 4):
        e, f, g, h = values[i], values[i + 1], values[i + 2], values[i + 3]
        a, b, c, d = min(a, e), min(b, f), min(c, g), min(d, h)
        p, q, r, s = max(p, e), max(q, f), max(r, g), max(s, h)
    for i in range(whole, len(values)):
        a, p = min(a, values[i]), max(p, values[i])
    return min(min(a, b), min(c, d)), max(max(p, q), max(r, s))
