"""The public randomness beacon drand: an unpredictable number every three seconds."""
