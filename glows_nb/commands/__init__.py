"""What `%glows` and the terminal share: one table of commands, each a small function that returns data.

Importing this package gives the complete `group`; `run` carries a line of words out. How a value is shown is
not decided here. Each Tab in a shell is a process that imports it to know the words, so commands import what they need
to run, such as pandas and the client, when they run.
"""

from glows_nb.commands import access, account, browsing, forms, images, launch, machines, networks, setup, snapshots
from glows_nb.commands.group import CommandError, Interrupted, SecretInLine, group, run
from glows_nb.commands.remote import cells, execution, jobs, kernels, ports, transfers

__all__ = [
    "CommandError",
    "Interrupted",
    "SecretInLine",
    "access",
    "account",
    "browsing",
    "cells",
    "execution",
    "forms",
    "group",
    "images",
    "jobs",
    "kernels",
    "launch",
    "machines",
    "networks",
    "ports",
    "run",
    "setup",
    "snapshots",
    "transfers",
]
