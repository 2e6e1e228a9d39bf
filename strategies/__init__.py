"""Ready strategies, one file each; the docstring gives idea, source and when it fails."""
