"""Writes: how each of them is made sure of when its answer is lost. Instances are started in `lifecycle.creating`."""
