"""End-to-end stories: real processes, real sockets, a real PostgreSQL, a real Redis, discord.py."""
