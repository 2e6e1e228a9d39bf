"""A fill: one execution, with the money and the position it left behind."""

from __future__ import annotations

import numpy as np

FILL = np.dtype(
    [
        ("order", "i4"),
        ("bar", "i4"),
        ("side", "i2"),
        ("liquidity", "i2"),
        ("purpose", "i2"),
        ("moment", "i2"),  # of the bar: 0 at its open, 1 inside, 2 at its close
        ("price", "f8"),
        ("quantity", "f8"),
        ("fee", "f8"),  # in quote, whatever currency it was taken in
        ("cash", "f8"),  # after the fill
        ("margin", "f8"),  # of a perpetual, posted for the position after the fill
        ("funding", "f8"),  # of a perpetual, paid in the whole run until the fill
        ("position", "f8"),  # after the fill, signed, base units, dust included
    ],
    align=True,
)
