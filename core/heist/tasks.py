"""Takes every heist to its next step when it is time. Late or twice makes no difference."""

from core.drand.client import client_of
from core.draws.checks import Tampered
from core.heist import actions, store
from core.heist.joining import GRACE
from core.heist.records import End, Heist
from core.heist.store import list_under_way
from core.kit.errors import Outage
from core.kit.services import Services
from core.kit.tasks import for_each
from core.tiers.refresh import refresh


def run_heists(services: Services) -> None:
    """For all servers."""
    with services.database.begin() as tx:
        under_way = list_under_way(tx)
    for_each(under_way, lambda heist: _advance(services, heist))


def _advance(services: Services, heist: Heist) -> None:
    """As far as it goes; each step in a transaction of its own."""
    now, guild_id, number = services.clock(), heist.guild_id, heist.number
    chain = client_of(services.settings).chain
    if heist.state in ("open", "locked") and heist.snapshot is None:
        if now >= heist.closes_at + GRACE:
            with services.work_in(guild_id) as work:
                players = store.list_player_ids(work, number)
            refresh(services, guild_id, players)  # what Twitch's list says counts most
            with services.work_in(guild_id) as work:
                actions.lock(work, number, chain)
    elif heist.state == "locked" and heist.round_at and heist.round and now >= heist.round_at:
        try:
            random = client_of(services.settings).get_round(heist.round)
            with services.work_in(guild_id) as work:
                actions.take_round(work, number, chain, random)
        except (Outage, Tampered) as error:
            end: End = "beacon" if isinstance(error, Outage) else "wrong"
            with services.work_in(guild_id) as work:
                if not actions.give_up(work, number, end):
                    raise
            return
        _finish(services, guild_id, number)
    elif heist.state in ("resolving", "paying"):
        _finish(services, guild_id, number)
    elif heist.state == "cooldown" and heist.ready_at and now >= heist.ready_at:
        with services.work_in(guild_id) as work:
            actions.end_cooldown(work, number)


def _finish(services: Services, guild_id: int, number: int) -> None:
    """From the round to the payout."""
    try:
        with services.work_in(guild_id) as work:
            actions.roll(work, number)
    except Tampered:
        with services.work_in(guild_id) as work:
            if not actions.give_up(work, number, "wrong"):
                raise
        return
    with services.work_in(guild_id) as work:
        actions.pay(work, number)
