"""Names for Tab: the cache of them, what keeps it fresh, unfinished lines, and the shells' scripts."""
