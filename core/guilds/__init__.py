"""Discord servers: the channels that they follow, their settings, permissions and audit log."""
