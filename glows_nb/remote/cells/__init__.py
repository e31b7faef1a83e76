"""Cells that run on a machine: the keeper there, what it says, and what is shown of it here."""
