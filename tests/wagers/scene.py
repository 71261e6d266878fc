"""What the tests of wagers share: members with accounts, and a platform that tells what it is told
to."""

from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import Connection, select

from core.guilds.actions import change_setting
from core.inbox.tables import deliveries
from core.kit.affiliate import Standing, Standings, standings_of
from core.outbox.tables import messages
from core.people import store as people
from core.wagers import actions, verifying
from core.wagers.counting import count
from core.wagers.settings import SHUFFLE_CODE
from core.wagers.store import Account
from core.wagers.tables import changes
from tests.kick.rig import NOON

ADMIN, MIA, LEO = 900, 7, 8
SHUFFLE = "shuffle"


def at(minutes: float) -> datetime:
    return NOON + timedelta(minutes=minutes)


def member(tx: Connection, guild_id: int, discord_id: int, name: str = "") -> int:
    """A member with an account on Kick; the viewer's id. Their name there is `viewer7`."""
    viewer_id = people.set_viewer(
        tx, guild_id, "kick", discord_id, name or f"viewer{discord_id}", NOON
    )
    people.add_link(tx, guild_id, discord_id, "kick", viewer_id, NOON)
    return viewer_id


def code(tx: Connection, guild_id: int, value: str = "NORA") -> None:
    change_setting(tx, guild_id, SHUFFLE_CODE, value, ADMIN)


def told(minutes: float, campaign: str = "NORA", **totals: str) -> Standings:
    """The platform was asked then, and told these totals."""
    lines = [Standing(name, campaign, Decimal(total)) for name, total in totals.items()]
    return standings_of(at(minutes), lines)


def link(tx: Connection, guild_id: int, discord_id: int, name: str, minutes: float = 0) -> Account:
    return actions.link(tx, guild_id, discord_id, SHUFFLE, name, at(minutes))


def verify(
    tx: Connection, guild_id: int, discord_id: int, standings: Standings, name: str | None = None
) -> verifying.Verified:
    """As `/verifyshuffle` does it."""
    found = verifying.get_candidate(tx, guild_id, f"<@{discord_id}>", SHUFFLE, name)
    return verifying.verify(tx, guild_id, found, standings, ADMIN, standings.asked_at)


def mia(tx: Connection, guild_id: int, total: str = "1000") -> int:
    """Mia is verified as MiaSpins at noon, with so much wagered before; her viewer id."""
    viewer_id = member(tx, guild_id, MIA)
    code(tx, guild_id)
    verify(tx, guild_id, MIA, told(0, MiaSpins=total), "MiaSpins")
    return viewer_id


def poll(tx: Connection, guild_id: int, minutes: float, **totals: str) -> int:
    return count(tx, guild_id, SHUFFLE, told(minutes, **totals))


def rows(tx: Connection, guild_id: int) -> list[tuple[str, str, str]]:
    """(kind, amount, held) of everything that was counted, in order."""
    found = tx.execute(
        select(changes.c.kind, changes.c.amount, changes.c.held)
        .where(changes.c.guild_id == guild_id)
        .order_by(changes.c.id)
    )
    return [(kind, str(amount), str(held)) for kind, amount, held in found]


def heard(tx: Connection, guild_id: int) -> list[str]:
    """The amounts that the features above hear of."""
    found = tx.execute(
        select(deliveries.c.body)
        .where(deliveries.c.kind == "WagerCounted", deliveries.c.lane == f"own:{guild_id}")
        .order_by(deliveries.c.id)
    )
    return [body["amount"] for body in found.scalars()]


def posted(tx: Connection, guild_id: int, kind: str) -> list[dict[str, Any]]:
    """The payloads of what was posted of this kind."""
    found = tx.execute(
        select(messages.c.payload)
        .where(messages.c.guild_id == guild_id, messages.c.kind == kind)
        .order_by(messages.c.id)
    )
    return list(found.scalars())


def asked_roles(tx: Connection, guild_id: int) -> list[str]:
    """What was asked of Discord: `give 10 to 7`, in order."""
    found = tx.execute(
        select(messages.c.target)
        .where(messages.c.guild_id == guild_id, messages.c.kind == "wagers.role")
        .order_by(messages.c.id)
    )
    return [f"{t['act']} {t['role_id']} to {t['member_id']}" for t in found.scalars()]
