"""A run of a strategy over bars, and its result."""
