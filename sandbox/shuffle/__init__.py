"""The pretend Shuffle: the address where an affiliate reads what their players wagered in all.

It answers as the real one is known to, refusals under HTTP 200 included, and is made of those
facts, not of our client.
"""
