"""Pages of the dashboard: settings, permissions and the audit log."""
