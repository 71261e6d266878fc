"""The packages by layer, and the features they declare.

A package imports only from layers below its own. Adding a package is one word in `LAYERS`; the
layer test reads it from here.
"""

from importlib import import_module

from core.kit.feature import Feature

LAYERS: tuple[tuple[str, ...], ...] = (
    ("kit",),
    ("events",),
    ("inbox", "outbox"),
    ("guilds",),
    ("drand", "kick", "shuffle", "streamelements", "twitch"),
    ("api_tokens", "draws", "games", "logins", "people"),
    ("wagers", "bonus_hunt", "tiers", "watchtime"),
    ("raffle", "roles", "slot_calls", "vips", "points"),
    ("heist",),
    ("overlays", "health", "help", "privacy", "settings", "dashboard"),
)
"""Lowest first."""

_WITHOUT_FEATURE = {"kit", "events", "draws"}


def load_features() -> tuple[Feature, ...]:
    """The declaration of each package, the lowest layer first.

    A `feature.py` has `FEATURE`, or `make_feature(others)` where it has to know the others.
    """
    found: list[Feature] = []
    for layer in LAYERS:
        for name in layer:
            if name not in _WITHOUT_FEATURE:
                module = import_module(f"core.{name}.feature")
                found.append(
                    module.FEATURE
                    if hasattr(module, "FEATURE")
                    else module.make_feature(tuple(found))
                )
    return tuple(found)
