"""What a draw does by itself. Each step is a transaction of its own, the beacon is asked between
them, and doing any of it late or twice changes nothing."""

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
from core.raffle.draw import actions, store, winning
from core.raffle.draw.store import Draw, Pick, Unclaimed
from core.raffle.means import means_of
from core.raffle.settings import AUTO_DRAW, CHANNEL, GRACE_MINUTES
from core.raffle.store import Period

EVERY_SECONDS = 3.0

RUN_EVERY = timedelta(seconds=10)
"""How often a winner's clock is written down."""

PAUSED = timedelta(minutes=5)
"""How long a winner's clock may stand still before the health page mentions it."""

LATE = timedelta(minutes=2)
"""How long after its round was due a draw may wait before the health page mentions it."""


def move_on(services: Services) -> None:
    """Announce what could not be announced, freeze what has ended, draw what has its number, draw
    another winner where one did not claim. One server's trouble does not stop the others.

    Raises:
        Refusal, Outage: a raffle's trouble; the rest was tried all the same.
    """
    # What waits for somebody else comes last but for what waits for it.
    steps = (
        _tell_openings,
        _announce_plans,
        _freeze_due,
        _check_claims,
        _learn_beacons,
        _draw_due,
    )
    for_each(steps, lambda step: step(services))


def _tell_openings(services: Services) -> None:
    """Where the channel was chosen only after the opening: the commitment is to be public as soon
    as it can be."""
    means = means_of(services.settings)
    with services.database.begin() as tx:
        untold = store.list_untold(tx, services.clock())

    def tell(one: tuple[int, int]) -> None:
        with services.database.begin() as tx:
            opened = raffle.find_period(tx, *one)
            if opened is not None:
                announce(tx, means, opened, services.clock())

    for_each(untold, tell)


def _announce_plans(services: Services) -> None:
    """Where the end or the grace time was changed, another round is expected."""
    means, now = means_of(services.settings), services.clock()
    with services.database.begin() as tx:
        open_ones = raffle.list_in_state(tx, "open")
        changed = [one for one in open_ones if actions.find_new_plan(tx, means, one, now)]

    def announce_one(period: Period) -> None:
        with services.database.begin() as tx:
            actions.announce_plan(tx, means, period.guild_id, period.number, now)

    for_each(changed, announce_one)


def _freeze_due(services: Services) -> None:
    means, now = means_of(services.settings), services.clock()
    with services.database.begin() as tx:
        due = list_due(tx, now)

    def freeze(period: Period) -> None:
        with services.database.begin() as tx:
            actions.freeze_due(tx, means, period.guild_id, period.number, now)

    for_each(due, freeze)


def list_due(tx: Connection, now: datetime) -> list[Period]:
    """The raffles that are to be frozen by themselves: over, with the grace for late tickets."""
    return [
        period
        for period in raffle.list_ended(tx, now)
        if setting(tx, period.guild_id, AUTO_DRAW)
        and period.ends_at + timedelta(minutes=setting(tx, period.guild_id, GRACE_MINUTES)) <= now
    ]


def _learn_beacons(services: Services) -> None:
    client = client_of(services.settings)

    def learn(due: tuple[int, list[Draw]]) -> None:
        number, draws = due
        told = client.get_round(number)

        def note(draw: Draw) -> None:
            with services.database.begin() as tx:
                actions.learn_beacon(tx, draw.guild_id, draw.period, told)

        for_each(draws, note)

    # Months end for many servers at once, and each round is asked for once.
    for_each(_due_rounds(services).items(), learn)


def _due_rounds(services: Services) -> dict[int, list[Draw]]:
    """The rounds that must have been made, and whose draws wait for them."""
    due: dict[int, list[Draw]] = {}
    with services.database.begin() as tx:
        waiting = [draw for draw in store.list_frozen(tx) if draw.waits_for_beacon]
    for draw in waiting:
        if draw.round and draw.round_at and draw.round_at <= services.clock():
            due.setdefault(draw.round, []).append(draw)
    return due


def _draw_due(services: Services) -> None:
    means, now = means_of(services.settings), services.clock()
    with services.database.begin() as tx:
        ready = [draw for draw in store.list_frozen(tx) if not draw.waits_for_beacon]

    def draw_one(draw: Draw) -> None:
        with services.database.begin() as tx:
            actions.draw_winners(tx, means, draw.guild_id, draw.period, now)

    for_each(ready, draw_one)


def _check_claims(services: Services) -> None:
    means, now = means_of(services.settings), services.clock()
    with services.database.begin() as tx:
        unclaimed = [one for one in store.list_unclaimed(tx) if _has_news(one)]

    def check(one: Unclaimed) -> None:
        pick, at = one
        with services.database.begin() as tx:
            winning.check_claim(tx, means, pick.guild_id, pick.period, pick.k, at, now)

    for_each(unclaimed, check)


def _has_news(unclaimed: Unclaimed) -> bool:
    pick, at = unclaimed
    return pick.claimable_at is None or at >= min(
        pick.claimable_at + RUN_EVERY, pick.clock.expires_at
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """What a server's admins have to know about its draws, for the health page."""
    return [
        *(
            HealthItem("Raffle", "warn", _cannot_be_announced(period), guild_id=period.guild_id)
            for period in list_due(tx, now)
            if not setting(tx, period.guild_id, CHANNEL)
        ),
        *(
            HealthItem("Raffle", "warn", _is_waited_for(draw.period), guild_id=draw.guild_id)
            for draw in store.list_frozen(tx)
            if draw.waits_for_beacon and draw.round_at is not None and draw.round_at + LATE < now
        ),
        *(
            HealthItem("Raffle", "warn", _cannot_be_told(pick), guild_id=pick.guild_id)
            for pick, at in store.list_unclaimed(tx)
            if at - (pick.claimable_at or pick.drawn_at) > PAUSED
        ),
    ]


def _cannot_be_announced(period: Period) -> str:
    return (
        f"Raffle #{period.number} has ended and cannot be drawn: "
        "no channel is chosen (/settings set raffle.channel)."
    )


def _cannot_be_told(pick: Pick) -> str:
    return (
        f"A winner of raffle #{pick.period} cannot claim: the post in the channel failed or was "
        "deleted, and they take no direct messages. Their time to claim is paused. Choose a "
        "channel that the bot can write in (/settings set raffle.channel); it is posted there."
    )


def _is_waited_for(number: int) -> str:
    return (
        f"Raffle #{number} is frozen and waits for the public beacon, which does not answer. "
        "It will be drawn as soon as it does; /raffledraw tells the alternative."
    )


TASKS = (Task("raffle.draw", lambda _settings: EVERY_SECONDS, move_on),)
