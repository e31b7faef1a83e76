"""The one table widget."""
