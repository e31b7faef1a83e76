"""Where token and address come from, and where a token may be kept."""
