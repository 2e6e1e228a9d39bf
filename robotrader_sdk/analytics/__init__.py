"""Figures of a run: arrays in, numbers out.

    returns        simple returns, total return, CAGR, buy and hold
    drawdown       distance from the running peak, its depth and its length
    ratios         volatility, Sharpe, Sortino, Calmar
    annualisation  bars per year, observed from the open times
    trades         win rate, profit factor, expectancy and the like, of closed trades
    exposure       how much of the equity is in the market, and how often it is turned over
    moments        the compiled pass that serves the figures of a long run at once
    summary        METRICS: which figures a result shows, in which order, and how each is had
    display        a figure as people read it

Fractions, never percent. A figure that is not defined is NaN, never an error and, but for the
profit factor, never infinite.
"""
