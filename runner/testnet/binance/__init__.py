"""Binance's protocol over the exchange."""
