"""Commands on a machine: how one is run and ended, and what becomes of its output."""
