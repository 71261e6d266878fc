"""Asking a platform: one place that keeps to its pauses and notes what came of it."""

from datetime import timedelta

from core.kit.affiliate import AffiliatePlatform, Standings
from core.kit.errors import Outage
from core.kit.services import Services
from core.wagers import polls
from core.wagers.polls import Outcome, Poll


def ask(services: Services, platform: AffiliatePlatform) -> Standings:
    """Everybody's totals, as of now. Never call it on the event loop or inside a transaction.

    Raises:
        Outage: nothing was told, or the platform has asked us to wait.
    """
    now = services.clock()
    with services.database.begin() as tx:
        last = polls.find_last(tx, platform.key)
    if last is not None and last.outcome == "busy" and last.next_at > now:
        wait = (last.next_at - now).total_seconds()
        raise Outage(platform.title, "it asked us to wait", wait)
    try:
        return platform.ask(now)
    except Outage as outage:
        _note_outage(services, platform, outage)
        raise


def note_counted(services: Services, platform: AffiliatePlatform, standings: Standings) -> None:
    """An answer was counted in every server. One that was asked for to verify somebody is not, so
    it says nothing about who is missing."""
    next_at = standings.asked_at + timedelta(seconds=services.settings.wager_check_seconds)
    note = Poll(
        platform.key,
        standings.asked_at,
        "ok",
        "",
        len(standings.totals),
        standings.unreadable,
        standings.repeated,
        next_at,
    )
    with services.database.begin() as tx:
        polls.post_poll(tx, note)


def _note_outage(services: Services, platform: AffiliatePlatform, outage: Outage) -> None:
    now = services.clock()
    outcome: Outcome = "failed" if outage.retry_after is None else "busy"
    wait = outage.retry_after or services.settings.wager_check_seconds
    note = Poll(platform.key, now, outcome, outage.reason, 0, 0, 0, now + timedelta(seconds=wait))
    with services.database.begin() as tx:
        polls.post_poll(tx, note)
