"""What is believed about a viewer's tier."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.kit.guild_settings import GuildSettings, number

Tier = Literal["none", "subscriber", "prime", "1000", "2000", "3000"]
"""`subscriber` is one whose tier is not known; Kick has only that."""

Source = Literal["list", "badge", "event", "notice", "streamelements", "widget"]
"""Twitch's list of subscribers, the badges of a message, a subscription or gift, Twitch's notice in
chat, and what StreamElements or its widget reported."""

Reason = Literal["used", "prime", "stale", "older", "less_trusted"]
"""Why something that is known is the answer, or is not."""

LIST_LASTS = timedelta(hours=1)
"""How long Twitch's list counts more than badges, if no event came since."""


class TierSettings(GuildSettings, feature="tiers"):
    """What an admin can set."""

    lifetime_hours: int = number(
        "How long a subscription counts after the last word of it. A month and some days is 840.",
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
    Whatever tells Prime from tier 1 refines the answer."""
    stale = [one for one in known if now - one.at > lifetime]
    by_source = {one.source: one for one in known if one not in stale}
    told = max(
        (one for one in by_source.values() if one.source in ("event", "notice")),
        key=lambda one: (one.at, one.source),
        default=None,
    )
    listed = by_source.get("list")
    if listed is not None and (
        now - listed.at > LIST_LASTS or (told is not None and told.at > listed.at)
    ):
        listed_late, listed = listed, None
    else:
        listed_late = None
    order = (
        listed,
        by_source.get("badge"),
        told,
        by_source.get("streamelements"),
        by_source.get("widget"),
        listed_late,
    )
    chosen = next((one for one in order if one is not None), None)
    if chosen is None:
        return Found("none", why=tuple((one, "stale") for one in stale))
    tier, refined_by = _refined(chosen, list(by_source.values()))
    why: list[tuple[Known, Reason]] = [(chosen, "used")]
    for one in by_source.values():
        if one is refined_by:
            why.append((one, "prime"))
        elif one is not chosen:
            is_older = one is listed_late or (
                told is not None and one.source in ("event", "notice") and one is not told
            )
            why.append((one, "older" if is_older else "less_trusted"))
    why += [(one, "stale") for one in stale]
    return Found(tier, chosen, tuple(why))


def _refined(chosen: Known, known: Sequence[Known]) -> tuple[Tier, Known | None]:
    """Tier 1 may be Prime, and a founder's badge any tier: what the others say, the newest first.
    After an upgrade from Prime the notice says so."""
    if chosen.tier not in ("1000", "subscriber"):
        return chosen.tier, None
    newest = sorted(
        (one for one in known if one is not chosen and one.tier not in ("none", "subscriber")),
        key=lambda one: one.at,
        reverse=True,
    )
    if chosen.tier == "subscriber":
        return (newest[0].tier, newest[0]) if newest else ("subscriber", None)
    notice = next((one for one in known if one.source == "notice"), None)
    for one in newest:
        is_upgraded = notice is not None and notice.tier != "prime" and notice.at > one.at
        if one.tier == "prime" and not is_upgraded:
            return "prime", one
    return "1000", None
