"""Panels that stay open: machines, snapshots, images, networks."""
