"""Technical indicators."""
