"""Charts: plain frames in, figure out.

dashboard   result_figure: the plotly figure of a run
refine      refining_figure: the same, drawn anew for the span zoomed to
static      static_figure: the same panels as a matplotlib picture
run         the frames of a run, checked and joined
downsample  fewer bars, points and fills that look the same
prices      candles, volume, trades, fills
lines       indicators, equity, drawdown
panels      where each panel lies, axes and legends
captions    the subtitle
times       times as an axis takes them
theme       colours, type and measures
"""
