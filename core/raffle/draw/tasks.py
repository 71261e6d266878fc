"""The scheduled steps of a draw. Each is a transaction of its own, the beacon is asked between
them, and running any of them late or twice changes nothing."""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Concatenate, ParamSpec

from sqlalchemy import Connection

from core.drand.client import client_of
from core.guilds.actions import load_settings
from core.kit.health_item import HealthItem
from core.kit.records import THE_BOT
from core.kit.services import Services
from core.kit.tasks import for_each
from core.kit.work import Work, run_in_guild
from core.raffle import store as raffle
from core.raffle.actions import announce
from core.raffle.config import config_of
from core.raffle.draw import actions, claims, store
from core.raffle.draw.records import Draw
from core.raffle.draw.store import Unclaimed
from core.raffle.records import Period
from core.raffle.rules import RaffleSettings

P = ParamSpec("P")

CLOCK_INTERVAL = timedelta(seconds=10)
"""How often a winner's clock is stored."""

PAUSED = timedelta(minutes=5)
"""How long a winner's clock may be stopped before the health page shows it."""

LATE = timedelta(minutes=2)
"""How late a round may be before the health page shows it."""


def advance_draws(services: Services) -> None:
    """Run every step that is due. An error in one raffle does not stop the others.

    Raises:
        Refusal, Outage: of one raffle, after the others were tried.
    """
    # Asking the beacon can take long, so only drawing comes after it.
    steps = (
        _announce_openings,
        _announce_plans,
        _freeze_due,
        _check_claims,
        _get_rounds,
        _draw_due,
    )
    for_each(steps, lambda step: step(services))


def _run(
    services: Services,
    guild_id: int,
    action: Callable[Concatenate[Work, P], object],
    *args: P.args,
    **kwargs: P.kwargs,
) -> None:
    """Run `action(work, ...)` in a transaction of its own."""
    with services.database.begin() as tx:
        run_in_guild(tx, guild_id, THE_BOT, services.clock(), action, *args, **kwargs)


def _announce_openings(services: Services) -> None:
    """Publish the commitment as soon as there is a channel, if there was none at the opening."""
    config = config_of(services.settings)
    with services.database.begin() as tx:
        unannounced = store.list_unannounced(tx, services.clock())

    for_each(unannounced, lambda one: _run(services, one.guild_id, announce, config, one))


def _announce_plans(services: Services) -> None:
    """Another end or grace time needs another round."""
    config, now = config_of(services.settings), services.clock()

    def is_new(period: Period) -> bool:
        with Work(tx, period.guild_id, now=now) as work:
            return actions.find_new_plan(work, config, period) is not None

    with services.database.begin() as tx:
        changed = [one for one in raffle.list_open(tx) if is_new(one)]
    for_each(
        changed,
        lambda one: _run(services, one.guild_id, actions.announce_plan, config, one.number),
    )


def _freeze_due(services: Services) -> None:
    config = config_of(services.settings)
    with services.database.begin() as tx:
        due = list_due(tx, services.clock())
    for_each(due, lambda one: _run(services, one.guild_id, actions.freeze_due, config, one.number))


def list_due(tx: Connection, now: datetime) -> list[Period]:
    """The raffles to freeze automatically: they have ended, and the grace time is over."""

    def is_due(period: Period) -> bool:
        settings = _settings_of(tx, period.guild_id)
        grace = timedelta(minutes=settings.grace_minutes)
        return settings.auto_draw and period.ends_at + grace <= now

    return [period for period in raffle.list_ended(tx, now) if is_due(period)]


def _settings_of(tx: Connection, guild_id: int) -> RaffleSettings:
    with Work(tx, guild_id, now=datetime.min) as work:
        return load_settings(work, RaffleSettings)


def _get_rounds(services: Services) -> None:
    client = client_of(services.settings)

    def get(due: tuple[int, list[Draw]]) -> None:
        number, draws = due
        random = client.get_round(number)
        for_each(
            draws,
            lambda one: _run(services, one.guild_id, actions.store_round, one.period, random),
        )

    # Many raffles end with the month and share a round: ask for it once.
    for_each(_due_rounds(services).items(), get)


def _due_rounds(services: Services) -> dict[int, list[Draw]]:
    """The rounds that must have been published, with the draws that wait for them."""
    now = services.clock()
    due: dict[int, list[Draw]] = {}
    with services.database.begin() as tx:
        waiting = [draw for draw in store.list_frozen(tx) if draw.waits_for_beacon]
    for draw in waiting:
        if draw.round and draw.round_at and draw.round_at <= now:
            due.setdefault(draw.round, []).append(draw)
    return due


def _draw_due(services: Services) -> None:
    config = config_of(services.settings)
    with services.database.begin() as tx:
        frozen = store.list_frozen(tx)
    for_each(
        [draw for draw in frozen if not draw.waits_for_beacon],
        lambda one: _run(services, one.guild_id, actions.draw_winners, config, one.period),
    )


def _check_claims(services: Services) -> None:
    config = config_of(services.settings)
    with services.database.begin() as tx:
        unclaimed = [one for one in store.list_unclaimed(tx) if _needs_check(one)]

    def check(one: Unclaimed) -> None:
        pick, at = one
        _run(services, pick.guild_id, claims.check_claim, config, pick.period, pick.k, at)

    for_each(unclaimed, check)


def _needs_check(unclaimed: Unclaimed) -> bool:
    pick, at = unclaimed
    return pick.claimable_at is None or at >= min(
        pick.claimable_at + CLOCK_INTERVAL, pick.clock.expires_at
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Draws that wait for an admin or the beacon, for the health page."""
    without_channel = (
        (
            period.guild_id,
            f"Raffle #{period.number} has ended and cannot be drawn: "
            "no channel is chosen (/settings set raffle.channel).",
        )
        for period in list_due(tx, now)
        if not _settings_of(tx, period.guild_id).channel
    )
    waiting_for_beacon = (
        (
            draw.guild_id,
            f"Raffle #{draw.period} is frozen and waits for the public beacon, which does not "
            "answer. It is drawn as soon as the beacon answers; /raffledraw shows the alternative.",
        )
        for draw in store.list_frozen(tx)
        if draw.waits_for_beacon and draw.round_at is not None and draw.round_at + LATE < now
    )
    unreachable = (
        (
            pick.guild_id,
            f"A winner of raffle #{pick.period} cannot claim: the post in the channel failed or "
            "was deleted, and their DMs are closed. Their time to claim is paused. Choose a "
            "channel that the bot can post in (/settings set raffle.channel), and it posts there "
            "again.",
        )
        for pick, at in store.list_unclaimed(tx)
        if at - (pick.claimable_at or pick.drawn_at) > PAUSED
    )
    return [
        HealthItem("Raffle", "warn", problem, guild_id=guild_id)
        for guild_id, problem in (*without_channel, *waiting_for_beacon, *unreachable)
    ]
