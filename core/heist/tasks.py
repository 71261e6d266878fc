"""Advances every heist when its next step is due."""

from core.drand.client import client_of
from core.draws.checks import Tampered
from core.heist import actions, store
from core.heist.joining import GRACE
from core.heist.records import End, Heist
from core.heist.store import list_unfinished
from core.kit.errors import Outage
from core.kit.services import Services
from core.kit.tasks import for_each
from core.tiers.refresh import refresh


def run_heists(services: Services) -> bool:
    """Advance the heists of all servers. Returns False if none is running."""
    with services.database.begin() as tx:
        unfinished = list_unfinished(tx)
    for_each(unfinished, lambda heist: _advance(services, heist))
    return bool(unfinished)


def _advance(services: Services, heist: Heist) -> None:
    """Do the due steps, each in its own transaction."""
    now, guild_id, number = services.clock(), heist.guild_id, heist.number
    chain = client_of(services.settings).chain
    if heist.state in ("open", "locked") and heist.snapshot is None:
        if now >= heist.closes_at + GRACE:
            with services.work_in(guild_id) as work:
                players = store.list_player_ids(work, number)
            refresh(services, guild_id, players)  # Twitch's list has the highest priority
            with services.work_in(guild_id) as work:
                actions.lock(work, number, chain)
    elif heist.state == "locked" and heist.round_at and heist.round and now >= heist.round_at:
        try:
            random = client_of(services.settings).get_round(heist.round)
            with services.work_in(guild_id) as work:
                actions.store_round(work, number, chain, random)
        except (Outage, Tampered) as error:
            end: End = "beacon" if isinstance(error, Outage) else "wrong"
            with services.work_in(guild_id) as work:
                if not actions.refund_after_timeout(work, number, end):
                    raise
            return
        _finish(services, guild_id, number)
    elif heist.state in ("resolving", "paying"):
        _finish(services, guild_id, number)
    elif heist.state == "cooldown" and heist.ready_at and now >= heist.ready_at:
        with services.work_in(guild_id) as work:
            actions.end_cooldown(work, number)


def _finish(services: Services, guild_id: int, number: int) -> None:
    """Compute the results and pay."""
    try:
        with services.work_in(guild_id) as work:
            actions.roll(work, number)
    except Tampered:
        with services.work_in(guild_id) as work:
            if not actions.refund_after_timeout(work, number, "wrong"):
                raise
        return
    with services.work_in(guild_id) as work:
        actions.pay(work, number)
