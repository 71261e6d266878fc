"""The pretend public randomness beacon: drand's HTTP interface with a key of its own.

It speaks what https://docs.drand.love says, and is made of the facts, not of our client.
"""
