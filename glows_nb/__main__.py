"""`python -m glows_nb`: the same as `glows-nb`."""

from glows_nb.cli import main

main()
