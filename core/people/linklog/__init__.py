"""The link log: every success, failure, conflict and unlink, posted in a channel for admins."""
