"""A run over several symbols that share one account.

entry        what rt.backtest was given, read
run          run_portfolio: which form a strategy is run in, and the result of it
market       the panel as arrays, and what each symbol is traded on
account      the money the symbols share, and what each position ties up
log          in which order things happened across the symbols
kernel       the compiled step of a rebalance
rules        the compiled steps that books go through, loaded when that pays
live_orders  the orders a strategy holds, and what becomes of them
books        one symbol's book in a shared account
trading      weights and orders into fills, at an open or a close
deciders     where wishes come from: rows of weights, or on_bar
loop         the bars of the panel, one after the other
split        a single-symbol strategy on a panel: each symbol with its share of the cash
tables       the books of all symbols as tables on the panel's timeline
result       PortfolioResult
frames       attribution, positions and the basket to compare with
report       what a portfolio's result says beyond a single symbol's
saving       a result as JSON and back
"""
