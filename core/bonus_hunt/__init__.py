"""Bonus hunts: bonuses are collected, then opened one after the other, while viewers guess how much
comes back."""

from core.kit.text.words import N_

TITLE = N_("Bonus hunts")
