"""What can be made to go wrong, and how that looks on the wire."""
