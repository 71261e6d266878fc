"""Bonus hunts: bonuses are collected, then opened one by one, while viewers guess the total
payout."""

from core.kit.text.words import N_

TITLE = N_("Bonus hunts")
