"""Fixtures shared by the sandbox tests."""

from tests.sandbox.kick_harness import kick, receiver

__all__ = ["kick", "receiver"]
