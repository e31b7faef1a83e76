"""The 15 operations, by resource: what a request may say, what it does, and how its answer looks."""
