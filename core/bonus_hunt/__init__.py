"""Bonus hunts: bonuses are collected, then opened one by one, while viewers guess the total
payout."""
