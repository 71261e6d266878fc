"""The inbox: every incoming event is stored before it is acknowledged, and handled exactly once.

The worker translates a delivery into events. An event has a natural key, so the same event under
another delivery id counts once. A delivery, its events and all their effects are one transaction:
after a crash it runs again as a whole.
"""
