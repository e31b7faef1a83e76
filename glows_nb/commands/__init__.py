"""What `%glows` and the terminal share: one table of commands, each a small function that returns data.

Importing this package gives the complete `group`; `run` carries a line of words out. How a value is shown is
not decided here.
"""

from glows_nb.commands import browsing, doctor, machines, setup
from glows_nb.commands.group import CommandError, group, run

__all__ = ["CommandError", "browsing", "doctor", "group", "machines", "run", "setup"]
