"""Files to a machine, from it, and between two: what has to go, how it goes, and what may be made here."""
