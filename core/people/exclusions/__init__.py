"""Exclusions: one list per server, for single features or for everything."""
