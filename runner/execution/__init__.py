"""The trading path: from a closed bar to orders at an exchange, and back to the ledger."""
