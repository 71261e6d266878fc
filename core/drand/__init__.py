"""The public randomness beacon drand: a number every three seconds that nobody knows before."""
