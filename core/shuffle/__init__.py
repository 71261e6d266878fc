"""Shuffle: what the accounts that signed up under a campaign code have wagered in total."""
