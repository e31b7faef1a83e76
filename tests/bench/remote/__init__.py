"""How fast glows_nb is, as ratios taken in one run on one machine: `python -m tests.bench`."""
