"""Layer 0: used by every package, without knowledge of the product.

Settings, the database, the clock, errors, logging, pub/sub, what a feature declares, words, and
small helpers for Flask and Discord.
"""
