"""The command `robotrader`, one file a command group."""
