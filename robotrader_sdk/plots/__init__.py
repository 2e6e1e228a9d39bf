"""Charts: plain frames in, figure out."""
