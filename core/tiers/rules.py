"""Which of several reports about a viewer's tier counts. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from core.kit.guild_settings import GuildSettings, number

Tier = Literal["none", "subscriber", "prime", "1000", "2000", "3000"]
"""`subscriber`: the tier is unknown; Kick only has this one."""

EXACT: tuple[Tier, ...] = ("prime", "1000", "2000", "3000")

Source = Literal["list", "badge", "event", "notice", "streamelements", "widget"]
"""Twitch's subscriber list, the badges of a message, a subscription or gift, Twitch's chat notice,
and reports from StreamElements or its widget."""

Reason = Literal["used", "exact", "stale", "older", "less_trusted"]
"""Whether a report was used, and why not."""

LIST_FRESH_FOR = timedelta(hours=1)
"""How long Twitch's list has priority over badges, unless an event was newer."""


class TierSettings(GuildSettings, feature="tiers"):
    """Settings of a server."""

    lifetime_hours: int = number(
        "How long a subscription counts after the last report. 840 hours are 35 days.",
        default=840,
        minimum=1,
        maximum=8760,
        label="Subscriptions count for",
        unit="hours",
    )

    @property
    def lifetime(self) -> timedelta:
        return timedelta(hours=self.lifetime_hours)


@dataclass(frozen=True, slots=True)
class Known:
    """The latest report of a source about a viewer."""

    source: Source
    tier: Tier
    at: datetime


@dataclass(frozen=True, slots=True)
class Found:
    """A viewer's tier.

    Attributes:
        known: the report that was used, or None.
        why: each report, and whether it was used.
    """

    tier: Tier
    known: Known | None = None
    why: tuple[tuple[Known, Reason], ...] = ()


NOTHING = Found("none")


def choose(known: Sequence[Known], now: datetime, lifetime: timedelta) -> Found:
    """The tier by the source with the highest priority: Twitch's list while it is fresh and there
    was no event since, the badges of the message, subscriptions and gifts, StreamElements, its
    widget.

    Reports from before the list was read are ignored, even if the list is not fresh. A founder's
    badge has no tier, and tier 1 may be Prime: more exact reports refine them.
    """
    counting = {report.source: report for report in known if now - report.at <= lifetime}
    events = [report for report in counting.values() if report.source in ("event", "notice")]
    newest = max(events, key=lambda report: (report.at, report.source), default=None)
    listed = counting.get("list")
    others = newest, counting.get("streamelements"), counting.get("widget")
    order = [other for other in others if other and (listed is None or other.at > listed.at)]
    if badge := counting.get("badge"):
        order.insert(0, badge)
    if listed is not None:
        is_fresh = now - listed.at <= LIST_FRESH_FOR and newest not in order
        order.insert(0 if is_fresh else len(order), listed)
    stale: list[tuple[Known, Reason]] = [
        (report, "stale") for report in known if report not in counting.values()
    ]
    if not order:
        return Found("none", why=tuple(stale))
    chosen = best = order[0]
    if chosen.tier == "subscriber":
        best = next((report for report in order if report.tier in EXACT), chosen)
    prime = _find_prime(best, counting)
    why: list[tuple[Known, Reason]] = [(chosen, "used")]
    for report in counting.values():
        if report is not chosen:
            is_older = report not in order or report is listed
            refines = report is prime or report is best
            why.append((report, "exact" if refines else "older" if is_older else "less_trusted"))
    return Found("prime" if prime else best.tier, chosen, tuple(why + stale))


def _find_prime(best: Known, known: Mapping[Source, Known]) -> Known | None:
    """The report that tier 1 is Prime, unless Twitch's notice reports an upgrade since."""
    reports = [report for report in known.values() if report.tier == "prime"]
    if best.tier != "1000" or not reports:
        return None
    prime, notice = max(reports, key=lambda report: report.at), known.get("notice")
    is_upgraded = notice is not None and notice.tier != "prime" and notice.at > prime.at
    return None if is_upgraded else prime
