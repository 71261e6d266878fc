"""Declares the Shuffle package."""

from core.kit.feature import Feature

FEATURE = Feature("shuffle")
