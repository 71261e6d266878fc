"""Fake Discord, Kick, Shuffle and drand servers on localhost that speak the real wire protocols. A
program of its own (``python -m sandbox``) that imports nothing from the product, so that both sides
can only agree by following the protocols."""
