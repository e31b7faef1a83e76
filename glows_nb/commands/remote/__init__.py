"""Commands that work on a machine over SSH: exec, send, fetch, copy, forward; asyncssh is loaded when one runs."""
