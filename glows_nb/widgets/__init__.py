"""Forms and panels made of ipywidgets."""
