"""What goes on on all machines of the account."""
