"""The local exchange, for the parity tests, too."""

from tests.runner.testnet.conftest import serve

__all__ = ["serve"]
