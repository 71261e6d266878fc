"""The link log: every success, failure, conflict and unlink, told in a channel for admins."""
