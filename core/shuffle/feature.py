"""What the Shuffle package declares."""

from core.kit.feature import Feature

FEATURE = Feature("shuffle")
