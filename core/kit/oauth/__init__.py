"""Connecting and linking accounts with OAuth."""
