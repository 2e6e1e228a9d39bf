"""TA-Lib, loaded when an indicator first calls it and not when the indicators are imported."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import talib as talib
else:

    class _Talib:
        def __getattr__(self, name: str) -> Any:
            function = getattr(importlib.import_module("talib"), name)
            setattr(self, name, function)
            return function

    talib = _Talib()
