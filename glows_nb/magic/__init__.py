"""IPython: the line magic, errors and rendering in a notebook."""
