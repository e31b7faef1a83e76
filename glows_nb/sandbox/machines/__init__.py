"""The sandbox's machines: their life, addresses and ports."""
