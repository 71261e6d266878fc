"""The product in a simulated world: one seed decides order, time and faults."""
