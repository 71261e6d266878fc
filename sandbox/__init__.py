"""A pretend outside world on localhost: Discord and Kick with their true wire protocols.

It is a program of its own (``python -m sandbox``) and imports nothing from the product, so that
both sides can only agree by keeping to the real protocols.
"""
