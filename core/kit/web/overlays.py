"""Overlays, as features declare them for OBS; `core/overlays` serves them.

    REQUESTS = Overlay(
        "requests", lambda: _("Slot requests"), "list-numbers", "slot_calls/overlay.html",
        data=lambda work: {"calls": store.list_open(work)[:5]}, follows=("slot_calls",),
    )

The template is a part of a page, without scripts, and shows nothing that viewers should not see.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from core.kit.database.work import Work


@dataclass(frozen=True)
class Overlay:
    """An overlay.

    Attributes:
        kind: part of its URL.
        title: returns its default heading.
        template: the template of the part that changes; it gets the result of `data(work)`, and
            `title`.
        follows: the packages whose changes update it.
    """

    kind: str
    title: Callable[[], str]
    icon: str
    template: str
    data: Callable[[Work], Mapping[str, Any]]
    follows: tuple[str, ...]


@dataclass(frozen=True)
class Latest:
    """A recent public event; `who` did `what`."""

    at: datetime
    who: str
    what: str
