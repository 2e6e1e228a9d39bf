"""The hosted runner: accounts, exchange keys, billing and live execution of strategies."""
