"""The 15 operations of the contract as values: arguments in, `Operation` out; pure, nothing is sent here.

Each module has those of one resource. A process loads only those that it uses, with their models and requests.
"""
