"""The market file: which markets there are, in the shape of Binance's exchangeInfo.

Linear perpetuals stand beside them under "linear", in the shape of Bybit's instruments-info and
with their tiers of maintenance margin. A file that has Binance's shape alone will do.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from importlib import resources
from pathlib import Path
from typing import Any

from runner.errors import TestnetError
from runner.testnet.core.markets import ZERO, Market, Tier


def read_markets(path: str | Path | None = None) -> list[Market]:
    """The markets of a file; None: those that come with the package.

    TestnetError names the file and the symbol of what can't be read.
    """
    if path is None:
        text = resources.files("runner.testnet.core").joinpath("markets.json").read_text("utf-8")
    else:
        try:
            text = Path(path).read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise TestnetError(f"market file {path} can't be read: {error}") from None
    name = str(path or "markets.json")
    try:
        given = json.loads(text, parse_float=Decimal)
        spot, linear = given.get("symbols", []), given.get("linear", [])
    except (ValueError, AttributeError) as error:
        raise TestnetError(f"market file {name} is not in the exchange's shape: {error}") from None
    markets = [_read(name, row, _spot) for row in spot] + [_read(name, r, _linear) for r in linear]
    if not markets:
        raise TestnetError(f'market file {name} has no "symbols"; see Binance\'s exchangeInfo')
    return markets


def _read(name: str, row: Any, read: Any) -> Market:
    symbol = row.get("symbol", "?") if isinstance(row, Mapping) else row
    try:
        market: Market = read(row)
    except (KeyError, TypeError, ValueError, InvalidOperation, AttributeError) as error:
        raise TestnetError(f"market file {name}, symbol {symbol}: {error!r}") from None
    return market


def _spot(row: Mapping[str, Any]) -> Market:
    filters = {each["filterType"]: each for each in row["filters"]}

    def of(kind: str, key: str) -> Decimal:
        return Decimal(str(filters.get(kind, {}).get(key, 0)))

    # Older files have MIN_NOTIONAL, newer ones NOTIONAL.
    notional = filters.get("NOTIONAL") or filters.get("MIN_NOTIONAL") or {}
    applies = notional.get("applyMinToMarket", notional.get("applyToMarket", True))
    percent = filters.get("PERCENT_PRICE_BY_SIDE", {})
    return Market(
        symbol=f"{row['baseAsset']}/{row['quoteAsset']}",
        base=row["baseAsset"],
        quote=row["quoteAsset"],
        status=row.get("status", "TRADING"),
        tick_size=of("PRICE_FILTER", "tickSize"),
        min_price=of("PRICE_FILTER", "minPrice"),
        max_price=of("PRICE_FILTER", "maxPrice"),
        lot_size=of("LOT_SIZE", "stepSize"),
        min_quantity=of("LOT_SIZE", "minQty"),
        max_quantity=of("LOT_SIZE", "maxQty"),
        market_lot_size=of("MARKET_LOT_SIZE", "stepSize"),
        market_min_quantity=of("MARKET_LOT_SIZE", "minQty"),
        market_max_quantity=of("MARKET_LOT_SIZE", "maxQty"),
        min_notional=Decimal(str(notional.get("minNotional", 0))),
        max_notional=Decimal(str(notional.get("maxNotional", 0))),
        notional_for_market=bool(applies),
        bid_multiplier_up=Decimal(str(percent.get("bidMultiplierUp", 0))),
        bid_multiplier_down=Decimal(str(percent.get("bidMultiplierDown", 0))),
        ask_multiplier_up=Decimal(str(percent.get("askMultiplierUp", 0))),
        ask_multiplier_down=Decimal(str(percent.get("askMultiplierDown", 0))),
        max_orders=int(of("MAX_NUM_ORDERS", "maxNumOrders")),
        max_stop_orders=int(of("MAX_NUM_ALGO_ORDERS", "maxNumAlgoOrders")),
        max_order_lists=int(of("MAX_NUM_ORDER_LISTS", "maxNumOrderLists")),
        max_position=of("MAX_POSITION", "maxPosition"),
        iceberg_parts=int(of("ICEBERG_PARTS", "limit")),
        order_types=frozenset(row["orderTypes"]),
        oco_allowed=bool(row.get("ocoAllowed", False)),
        otoco_allowed=bool(row.get("otoAllowed", False)),
        base_precision=int(row.get("baseAssetPrecision", 8)),
        quote_precision=int(row.get("quoteAssetPrecision", 8)),
    )


def _linear(row: Mapping[str, Any]) -> Market:
    price, lot, leverage = row["priceFilter"], row["lotSizeFilter"], row["leverageFilter"]
    tiers = tuple(
        Tier(
            Decimal(str(tier["notionalFloor"])),
            Decimal(str(tier["maintenanceRate"])),
            Decimal(str(tier["maxLeverage"])),
        )
        for tier in row["tiers"]
    )
    base, quote = row["baseCoin"], row["quoteCoin"]
    return Market(
        symbol=f"{base}/{quote}:{row['settleCoin']}",
        base=base,
        quote=quote,
        linear=True,
        status="TRADING" if row.get("status", "Trading") == "Trading" else row["status"],
        tick_size=Decimal(price["tickSize"]),
        min_price=Decimal(price["minPrice"]),
        max_price=Decimal(price["maxPrice"]),
        lot_size=Decimal(lot["qtyStep"]),
        min_quantity=Decimal(lot["minOrderQty"]),
        max_quantity=Decimal(lot["maxOrderQty"]),
        market_max_quantity=Decimal(str(lot.get("maxMktOrderQty", 0))),
        min_notional=Decimal(str(lot.get("minNotionalValue", ZERO))),
        max_leverage=Decimal(leverage["maxLeverage"]),
        tiers=tiers,
        maker_fee=Decimal("0.0002"),
        taker_fee=Decimal("0.00055"),
        funding_interval_minutes=int(row.get("fundingInterval", 480)),
    )
