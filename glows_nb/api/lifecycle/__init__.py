"""A machine's life as steps: its key, its plan, the safe create, waiting, parking and coming back."""
