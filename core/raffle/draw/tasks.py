"""What a draw does by itself. Each step is a transaction of its own, the beacon is asked between
them, and doing any of it late or twice changes nothing."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.drand.client import client_of
from core.guilds.actions import setting
from core.kit.errors import Outage, Refusal
from core.kit.part import Part
from core.kit.room import Task
from core.kit.services import Services
from core.raffle import store as raffle
from core.raffle.actions import announce
from core.raffle.draw import actions, store, winning
from core.raffle.draw.store import Draw
from core.raffle.means import means_of
from core.raffle.settings import AUTO_DRAW, CHANNEL, GRACE_MINUTES
from core.raffle.store import Period

EVERY_SECONDS = 3.0

LATE = timedelta(minutes=2)
"""How long after its round was due a draw may wait before the health page mentions it."""

Troubles = list[Refusal | Outage]


def move_on(services: Services) -> None:
    """Announce what could not be announced, freeze what has ended, draw what has its number, go on
    to the next where a winner is silent.

    Raises:
        Refusal, Outage: the first trouble; the rest was tried all the same.
    """
    troubles: Troubles = []
    # What waits for somebody else comes last but for what waits for it.
    for step in (_tell_openings, _freeze_due, _expire_silent, _learn_beacons, _draw_due):
        step(services, troubles)
    if troubles:
        raise troubles[0]


def _tell_openings(services: Services, troubles: Troubles) -> None:
    """Where the channel was chosen only after the opening: the commitment is to be public as soon
    as it can be."""
    means = means_of(services.settings)
    with services.database.begin() as tx:
        untold = store.list_untold(tx, services.clock())
    for guild_id, number in untold:
        with _noting(troubles), services.database.begin() as tx:
            opened = raffle.find_period(tx, guild_id, number)
            if opened is not None:
                announce(tx, means, opened, services.clock())


def _freeze_due(services: Services, troubles: Troubles) -> None:
    means, now = means_of(services.settings), services.clock()
    with services.database.begin() as tx:
        due = list_due(tx, now)
    for period in due:
        with _noting(troubles), services.database.begin() as tx:
            actions.freeze_due(tx, means, period.guild_id, period.number, now)


def list_due(tx: Connection, now: datetime) -> list[Period]:
    """The raffles that are to be frozen by themselves: over, with the grace for late tickets."""
    return [
        period
        for period in raffle.list_ended(tx, now)
        if setting(tx, period.guild_id, AUTO_DRAW)
        and period.ends_at + timedelta(minutes=setting(tx, period.guild_id, GRACE_MINUTES)) <= now
    ]


def _learn_beacons(services: Services, troubles: Troubles) -> None:
    client = client_of(services.settings)
    # Months end for many servers at once, and each round is asked for once.
    for number, draws in _due_rounds(services).items():
        with _noting(troubles):
            told = client.get_round(number)
            for draw in draws:
                with _noting(troubles), services.database.begin() as tx:
                    actions.learn_beacon(tx, draw.guild_id, draw.period, told)


def _due_rounds(services: Services) -> dict[int, list[Draw]]:
    """The rounds that must have been made, and whose draws wait for them."""
    due: dict[int, list[Draw]] = {}
    with services.database.begin() as tx:
        waiting = [draw for draw in store.list_frozen(tx) if draw.waits_for_beacon]
    for draw in waiting:
        if draw.round and draw.round_at and draw.round_at <= services.clock():
            due.setdefault(draw.round, []).append(draw)
    return due


def _draw_due(services: Services, troubles: Troubles) -> None:
    means, now = means_of(services.settings), services.clock()
    with services.database.begin() as tx:
        ready = [draw for draw in store.list_frozen(tx) if not draw.waits_for_beacon]
    for draw in ready:
        with _noting(troubles), services.database.begin() as tx:
            actions.draw_winners(tx, means, draw.guild_id, draw.period, now)


def _expire_silent(services: Services, troubles: Troubles) -> None:
    means, now = means_of(services.settings), services.clock()
    with services.database.begin() as tx:
        silent = store.list_silent(tx, now)
    for pick in silent:
        with _noting(troubles), services.database.begin() as tx:
            winning.expire(tx, means, pick.guild_id, pick.period, pick.k, now)


@contextmanager
def _noting(troubles: Troubles) -> Iterator[None]:
    """One server's trouble does not stop the others."""
    try:
        yield
    except (Refusal, Outage) as trouble:
        troubles.append(trouble)


def look(tx: Connection, now: datetime) -> list[Part]:
    """What a server's admins have to know about its draws, for the health page."""
    return [
        *(
            Part("Raffle", "warn", _cannot_be_announced(period), guild_id=period.guild_id)
            for period in list_due(tx, now)
            if not setting(tx, period.guild_id, CHANNEL)
        ),
        *(
            Part("Raffle", "warn", _is_waited_for(draw.period), guild_id=draw.guild_id)
            for draw in store.list_frozen(tx)
            if draw.waits_for_beacon and draw.round_at is not None and draw.round_at + LATE < now
        ),
    ]


def _cannot_be_announced(period: Period) -> str:
    return (
        f"Raffle #{period.number} has ended and cannot be drawn: "
        "no channel is chosen (/settings set raffle.channel)."
    )


def _is_waited_for(number: int) -> str:
    return (
        f"Raffle #{number} is frozen and waits for the public beacon, which does not answer. "
        "It will be drawn as soon as it does; /raffledraw tells the alternative."
    )


TASKS = (Task("raffle.draw", lambda _settings: EVERY_SECONDS, move_on),)
