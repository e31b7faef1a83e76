"""The SSH line to a machine: where it leads, whose host key is right, how one is let in."""
