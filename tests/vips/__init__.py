"""VIPs."""
