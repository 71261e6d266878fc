"""What is asked of Kick, when a token is due, how a state is bound: pure."""

import base64
import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta

from core.kit.words import _

SCOPES = (
    "user:read",
    "channel:read",
    "chat:write",
    "events:subscribe",
    "channel:rewards:read",
    "channel:rewards:write",
    "kicks:read",
)
"""All that the product needs, asked for at once: Kick fixes scopes at consent."""

LINK_LASTS = timedelta(minutes=15)
"""From asking for a link to following it."""

STATE_LASTS = timedelta(minutes=10)
"""From leaving for Kick to coming back."""

AHEAD = timedelta(minutes=10)
"""How long before its end a token is renewed. Kick's user tokens live two hours."""

KEEP_ATTEMPTS = timedelta(days=1)
"""So that a link that was used says so, and not that it is unknown."""


def scope_words(scope: str) -> str:
    """A scope in a word."""
    words = {
        "user:read": _("Name and picture"),
        "channel:read": _("Channel details"),
        "chat:write": _("Writing in chat"),
        "events:subscribe": _("Hearing events"),
        "channel:rewards:read": _("Seeing rewards"),
        "channel:rewards:write": _("Managing rewards"),
        "kicks:read": _("KICKs leaderboard"),
    }
    return words.get(scope, scope)


def missing_scopes(granted: Iterable[str]) -> list[str]:
    """What we ask for and was not granted."""
    held = set(granted)
    return [scope for scope in SCOPES if scope not in held]


def is_due(expires_at: datetime, now: datetime) -> bool:
    """Whether the token should be renewed by now."""
    return now >= expires_at - AHEAD


def slug_of(name: str) -> str:
    """A channel's name, or its address, as Kick writes it in URLs: `Some_One` -> `some-one`."""
    name = name.strip().rstrip("/").split("?", 1)[0].rsplit("/", 1)[-1].removeprefix("@")
    return name.lower().replace("_", "-")


def challenge_of(verifier: str) -> str:
    """PKCE, S256: https://datatracker.ietf.org/doc/html/rfc7636#section-4.2."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
