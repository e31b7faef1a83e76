"""How an operation gets to the service and its answer back: sending, retries, the envelope, masked secrets."""
