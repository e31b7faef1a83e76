"""Choosing what to rent: from words (a GPU's name, an image's, a cap, no region) to a plan, and to a machine."""
