"""What a user writes: a strategy, its parameters, signals and orders."""
