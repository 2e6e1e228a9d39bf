"""Bars: read, downloaded, cached, validated, resampled, sampled, generated."""
