"""Bonus hunts: bonuses are collected, then opened one after the other, while viewers guess how much
comes back."""
