"""Ports of a machine on this computer."""
