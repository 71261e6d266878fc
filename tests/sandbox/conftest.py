"""Fixtures that the tests of the fake world share."""

from tests.sandbox.kick_harness import kick, receiver

__all__ = ["kick", "receiver"]
