"""The settings of all features, and the audit log."""
