"""The subscription tier of each viewer, combined from several sources."""
