"""Declares the drand package."""

from core.kit.feature import Feature

FEATURE = Feature("drand")
