"""Work on a machine over SSH: the line, commands, files, ports; asyncssh is loaded when a line is first needed."""
