"""Jobs on a machine, which run on without us; `runner` is what runs there and looks after them."""
