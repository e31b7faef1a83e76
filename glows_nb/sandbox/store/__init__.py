"""What the sandbox keeps in SQLite, a module for each table's things."""
