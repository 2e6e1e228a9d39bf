"""Bybit's protocol over the exchange."""
