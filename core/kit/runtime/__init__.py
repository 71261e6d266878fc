"""What the process runs on: settings, clock, log, limits, leases, wires."""
