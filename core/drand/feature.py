"""What the drand package declares."""

from core.kit.feature import Feature

FEATURE = Feature("drand")
