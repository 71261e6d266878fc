"""Shuffle: the total wagers of accounts that signed up under a campaign code."""
