"""The runtime of the process: settings, clock, log, limits, leases, HTTP."""
