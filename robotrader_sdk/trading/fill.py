"""A fill: one execution, with the money and the position it left behind."""

from __future__ import annotations

import numpy as np

FILL = np.dtype(
    [
        ("order", "i8"),
        ("bar", "i8"),
        ("side", "i8"),
        ("liquidity", "i8"),
        ("purpose", "i8"),
        ("price", "f8"),
        ("quantity", "f8"),
        ("fee", "f8"),  # in quote, whatever currency it was taken in
        ("cash", "f8"),  # after the fill
        ("position", "f8"),  # after the fill, signed, base units, dust included
    ],
    align=True,
)
