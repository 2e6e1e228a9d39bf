"""Code that can't travel: each line, name and reason."""

from __future__ import annotations

from .refused_anew import REFUSED_ANEW
from .refused_data import REFUSED_DATA
from .refused_memory import REFUSED_MEMORY
from .refused_modules import REFUSED_MODULES
from .refused_state import REFUSED_STATE

REFUSED = (
    *REFUSED_ANEW,
    *REFUSED_DATA,
    *REFUSED_STATE,
    *REFUSED_MEMORY,
    *REFUSED_MODULES,
)
