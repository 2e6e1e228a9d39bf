"""The exchange itself, before any venue's protocol: markets, bars, accounts, orders, fills."""
