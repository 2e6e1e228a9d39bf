"""Whether an exchange has what was asked for, and what was probably meant."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from robotrader_sdk.data.spelling import did_you_mean
from robotrader_sdk.errors import DownloadError
from robotrader_sdk.types import Timeframe


def check_timeframe(timeframe: Timeframe, names: Mapping[int, str], exchange: str) -> None:
    """DownloadError unless the exchange serves the timeframe; `names` are by seconds."""
    if timeframe.seconds not in names:
        served = ", ".join(names[seconds] for seconds in sorted(names))
        raise DownloadError(
            f"{exchange} serves no bars of {timeframe}; it has {served}; others are made from "
            f"finer bars: resample(bars, '{timeframe}')"
        )


def check_symbol(symbol: str, symbols: Sequence[str], exchange: str) -> None:
    """DownloadError unless the exchange has the market; BTCUSDT and btc/usdt are recognised."""
    if symbol in symbols:
        return
    plain = {re.sub(r"\W", "", known).upper(): known for known in reversed(symbols)}
    alike = plain.get(re.sub(r"\W", "", symbol).upper())
    hint = f" (did you mean {alike!r}?)" if alike else did_you_mean(symbol, symbols)
    raise DownloadError(
        f"{exchange} has no market {symbol!r}{hint}; expected one of its {len(symbols)}, written "
        "as 'BTC/USDT' or, for a perpetual, 'BTC/USDT:USDT'"
    )
