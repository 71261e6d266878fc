"""Layer 0: what every package uses, and nothing that knows what the product is about.

Settings, the database, the clock, errors, logging, pub/sub, what a feature declares,
words, and the small helpers for Flask and Discord.
"""
