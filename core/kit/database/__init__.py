"""The database: connections, units of work, records, personal data."""
