"""A local exchange that ccxt takes for Binance or Bybit; see README.md beside this file."""

from runner.testnet.ccxt_config import ccxt_config

__all__ = ["ccxt_config"]
