"""VIPs over the HTTP API, and on the dashboard."""
