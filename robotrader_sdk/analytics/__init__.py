"""Figures of a run: arrays in, numbers out."""
