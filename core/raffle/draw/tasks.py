"""The scheduled steps of a draw. Each is a transaction of its own, the beacon is asked between
them, and running any of them late or twice changes nothing."""

from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.drand.client import client_of
from core.guilds.actions import setting
from core.kit.feature import Task
from core.kit.health_item import HealthItem
from core.kit.services import Services
from core.kit.tasks import for_each
from core.raffle import store as raffle
from core.raffle.actions import announce
from core.raffle.config import config_of
from core.raffle.draw import actions, store, winning
from core.raffle.draw.store import Draw, Pick, Unclaimed
from core.raffle.records import Period
from core.raffle.settings import AUTO_DRAW, CHANNEL, GRACE_MINUTES

EVERY_SECONDS = 3.0

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


def _announce_openings(services: Services) -> None:
    """Publish the commitment as soon as there is a channel, if there was none at the opening."""
    config = config_of(services.settings)
    with services.database.begin() as tx:
        unannounced = store.list_unannounced(tx, services.clock())

    def announce_one(one: tuple[int, int]) -> None:
        with services.database.begin() as tx:
            opened = raffle.find_period(tx, *one)
            if opened is not None:
                announce(tx, config, opened, services.clock())

    for_each(unannounced, announce_one)


def _announce_plans(services: Services) -> None:
    """Another end or grace time needs another round."""
    config, now = config_of(services.settings), services.clock()
    with services.database.begin() as tx:
        open_ones = raffle.list_in_state(tx, "open")
        changed = [one for one in open_ones if actions.find_new_plan(tx, config, one, now)]

    def announce_one(period: Period) -> None:
        with services.database.begin() as tx:
            actions.announce_plan(tx, config, period.guild_id, period.number, now)

    for_each(changed, announce_one)


def _freeze_due(services: Services) -> None:
    config, now = config_of(services.settings), services.clock()
    with services.database.begin() as tx:
        due = list_due(tx, now)

    def freeze(period: Period) -> None:
        with services.database.begin() as tx:
            actions.freeze_due(tx, config, period.guild_id, period.number, now)

    for_each(due, freeze)


def list_due(tx: Connection, now: datetime) -> list[Period]:
    """The raffles to freeze automatically: they have ended, and the grace time is over."""
    return [
        period
        for period in raffle.list_ended(tx, now)
        if setting(tx, period.guild_id, AUTO_DRAW)
        and period.ends_at + timedelta(minutes=setting(tx, period.guild_id, GRACE_MINUTES)) <= now
    ]


def _get_rounds(services: Services) -> None:
    client = client_of(services.settings)

    def get(due: tuple[int, list[Draw]]) -> None:
        number, draws = due
        random = client.get_round(number)

        def store_one(draw: Draw) -> None:
            with services.database.begin() as tx:
                actions.store_round(tx, draw.guild_id, draw.period, random)

        for_each(draws, store_one)

    # Many raffles end with the month and share a round: ask for it once.
    for_each(_due_rounds(services).items(), get)


def _due_rounds(services: Services) -> dict[int, list[Draw]]:
    """The rounds that must have been published, with the draws that wait for them."""
    due: dict[int, list[Draw]] = {}
    with services.database.begin() as tx:
        waiting = [draw for draw in store.list_frozen(tx) if draw.waits_for_beacon]
    for draw in waiting:
        if draw.round and draw.round_at and draw.round_at <= services.clock():
            due.setdefault(draw.round, []).append(draw)
    return due


def _draw_due(services: Services) -> None:
    config, now = config_of(services.settings), services.clock()
    with services.database.begin() as tx:
        ready = [draw for draw in store.list_frozen(tx) if not draw.waits_for_beacon]

    def draw_one(draw: Draw) -> None:
        with services.database.begin() as tx:
            actions.draw_winners(tx, config, draw.guild_id, draw.period, now)

    for_each(ready, draw_one)


def _check_claims(services: Services) -> None:
    config, now = config_of(services.settings), services.clock()
    with services.database.begin() as tx:
        unclaimed = [one for one in store.list_unclaimed(tx) if _needs_check(one)]

    def check(one: Unclaimed) -> None:
        pick, at = one
        with services.database.begin() as tx:
            winning.check_claim(tx, config, pick.guild_id, pick.period, pick.k, at, now)

    for_each(unclaimed, check)


def _needs_check(unclaimed: Unclaimed) -> bool:
    pick, at = unclaimed
    return pick.claimable_at is None or at >= min(
        pick.claimable_at + CLOCK_INTERVAL, pick.clock.expires_at
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Draws that wait for an admin or the beacon, for the health page."""
    return [
        *(
            HealthItem("Raffle", "warn", _has_no_channel(period), guild_id=period.guild_id)
            for period in list_due(tx, now)
            if not setting(tx, period.guild_id, CHANNEL)
        ),
        *(
            HealthItem("Raffle", "warn", _beacon_is_late(draw.period), guild_id=draw.guild_id)
            for draw in store.list_frozen(tx)
            if draw.waits_for_beacon and draw.round_at is not None and draw.round_at + LATE < now
        ),
        *(
            HealthItem("Raffle", "warn", _winner_is_unreachable(pick), guild_id=pick.guild_id)
            for pick, at in store.list_unclaimed(tx)
            if at - (pick.claimable_at or pick.drawn_at) > PAUSED
        ),
    ]


def _has_no_channel(period: Period) -> str:
    return (
        f"Raffle #{period.number} has ended and cannot be drawn: "
        "no channel is chosen (/settings set raffle.channel)."
    )


def _winner_is_unreachable(pick: Pick) -> str:
    return (
        f"A winner of raffle #{pick.period} cannot claim: the post in the channel failed or was "
        "deleted, and their DMs are closed. Their time to claim is paused. Choose a channel that "
        "the bot can post in (/settings set raffle.channel), and it posts there again."
    )


def _beacon_is_late(number: int) -> str:
    return (
        f"Raffle #{number} is frozen and waits for the public beacon, which does not answer. "
        "It is drawn as soon as the beacon answers; /raffledraw shows the alternative."
    )


TASKS = (Task("raffle.draw", lambda _settings: EVERY_SECONDS, advance_draws),)
