"""From a strategy class to what a runner takes: so far `bundle`, its source as one text."""
