"""Floor 0: what every room stands on and nothing that knows what the product is about.

Settings, the database gate, the clock, errors, logging, the pub/sub bell, the shape of a room,
words, and the small helpers for Flask and Discord.
"""
