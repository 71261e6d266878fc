"""`/help`, and the descriptions of all commands for the documentation."""
