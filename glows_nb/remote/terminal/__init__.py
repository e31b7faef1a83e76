"""A real shell on a machine, for who sits at a terminal: by the system's OpenSSH where it is, else by asyncssh."""
