"""When raffles start and end: monthly, or as an admin decides."""
