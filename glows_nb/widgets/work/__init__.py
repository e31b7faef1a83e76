"""Work on a machine by clicks: files sent and fetched, and one command with its output; of the card and the panel."""
