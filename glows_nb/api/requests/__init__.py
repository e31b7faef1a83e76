"""What can be asked of the service, with the contract's limits, by resource."""
