"""Code that travels, and what its source says."""

from __future__ import annotations

from .travelling_classes import TRAVELLING_CLASSES
from .travelling_code import TRAVELLING_CODE
from .travelling_modules import TRAVELLING_MODULES
from .travelling_types import TRAVELLING_TYPES
from .travelling_values import TRAVELLING_VALUES

TRAVELLING = (
    *TRAVELLING_VALUES,
    *TRAVELLING_TYPES,
    *TRAVELLING_CODE,
    *TRAVELLING_CLASSES,
    *TRAVELLING_MODULES,
)
