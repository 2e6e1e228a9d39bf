"""The control routes: time, faults, accounts, the ledger, and the whole state."""
