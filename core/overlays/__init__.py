"""Overlays for OBS: pages that update themselves, at addresses with a secret key."""
