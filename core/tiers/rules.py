"""What is believed about a viewer's tier."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.kit.guild_settings import GuildSettings, number

Tier = Literal["none", "subscriber", "prime", "1000", "2000", "3000"]
"""`subscriber` is one whose tier is not known; Kick has only that."""

EXACT: tuple[Tier, ...] = ("prime", "1000", "2000", "3000")

Source = Literal["list", "badge", "event", "notice", "streamelements", "widget"]
"""Twitch's list of subscribers, the badges of a message, a subscription or gift, Twitch's notice in
chat, and what StreamElements or its widget reported."""

Reason = Literal["used", "exact", "stale", "older", "less_trusted"]
"""Why something that is known is the answer, or is not."""

LIST_LASTS = timedelta(hours=1)
"""How long Twitch's list counts more than badges, if no event came since."""


class TierSettings(GuildSettings, feature="tiers"):
    """What an admin can set."""

    lifetime_hours: int = number(
        "How long a subscription counts after it was last reported; 840 is a month and a few days.",
        default=840,
        least=1,
        most=8760,
        label="Subscriptions count for",
        unit="hours",
    )

    @property
    def lifetime(self) -> timedelta:
        """The same as a length of time."""
        return timedelta(hours=self.lifetime_hours)


@dataclass(frozen=True, slots=True)
class Known:
    """What a source said last about a viewer."""

    source: Source
    tier: Tier
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A viewer's tier.

    Attributes:
        known: what it comes from; None if nothing that counts is known.
        why: each thing that is known, and whether it was used.
    """

    tier: Tier
    known: Known | None = None
    why: tuple[tuple[Known, Reason], ...] = ()


NOTHING = Found("none")


def choose(known: Sequence[Known], now: datetime, lifetime: timedelta) -> Found:
    """The tier that counts, in this order of trust: Twitch's list while it is fresh and no event
    came since, the badges of the message, subscriptions and gifts, StreamElements, its widget.

    What was said before Twitch was asked is settled by its list, also when that is not fresh.
    A founder's badge leaves the tier open, and tier 1 may be Prime: what says more refines them.
    """
    counting = {one.source: one for one in known if now - one.at <= lifetime}
    said = [one for one in counting.values() if one.source in ("event", "notice")]
    newest = max(said, key=lambda one: (one.at, one.source), default=None)
    listed = counting.get("list")
    others = newest, counting.get("streamelements"), counting.get("widget")
    order = [one for one in others if one and (listed is None or one.at > listed.at)]
    if badge := counting.get("badge"):
        order.insert(0, badge)
    if listed is not None:
        is_fresh = now - listed.at <= LIST_LASTS and newest not in order
        order.insert(0 if is_fresh else len(order), listed)
    stale: list[tuple[Known, Reason]] = [
        (one, "stale") for one in known if one not in counting.values()
    ]
    if not order:
        return Found("none", why=tuple(stale))
    chosen = best = order[0]
    if chosen.tier == "subscriber":
        best = next((one for one in order if one.tier in EXACT), chosen)
    prime = _find_prime(best, counting)
    why: list[tuple[Known, Reason]] = [(chosen, "used")]
    for one in counting.values():
        if one is not chosen:
            is_older = one not in order or one is listed
            refines = one is prime or one is best
            why.append((one, "exact" if refines else "older" if is_older else "less_trusted"))
    return Found("prime" if prime else best.tier, chosen, tuple(why + stale))


def _find_prime(best: Known, known: Mapping[Source, Known]) -> Known | None:
    """What says that tier 1 is Prime. After an upgrade from Prime Twitch's notice says so."""
    said = [one for one in known.values() if one.tier == "prime"]
    if best.tier != "1000" or not said:
        return None
    prime, notice = max(said, key=lambda one: one.at), known.get("notice")
    is_upgraded = notice is not None and notice.tier != "prime" and notice.at > prime.at
    return None if is_upgraded else prime
