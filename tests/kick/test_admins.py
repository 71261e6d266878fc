"""Whom something about Kick is told that nobody asked for."""

from sqlalchemy import Connection, text

from core.guilds import actions as guilds
from core.kick.accounts import store as accounts
from core.kick.admins import tell_admins
from core.kick.settings import ADMIN_CHANNEL
from tests.kick.rig import NORA

ADMIN = 77


def told(tx: Connection, guild_id: int, key: str) -> dict[str, int] | None:
    """The target of what was said; None if nobody was told."""
    if not tell_admins(tx, guild_id, "kick.no_events", key, {}):
        return None
    target: dict[str, int] = tx.execute(
        text("SELECT target FROM outbox_messages WHERE key = :key"), {"key": key}
    ).scalar_one()
    return target


def test_the_channel_comes_first_and_then_who_chose(tx: Connection, guild_id: int) -> None:
    assert told(tx, guild_id, "a") is None
    accounts.set_known_channel(tx, guild_id, NORA, ADMIN)
    assert told(tx, guild_id, "b") == {"user_id": ADMIN}
    guilds.change_setting(tx, guild_id, ADMIN_CHANNEL, 55, ADMIN)
    assert told(tx, guild_id, "c") == {"channel_id": 55}


def test_who_was_forgotten_is_not_written_to(tx: Connection, guild_id: int) -> None:
    """The choice of the channel stays an admin's, but there is no account 0 to write to."""
    accounts.set_known_channel(tx, guild_id, NORA, 0)
    assert told(tx, guild_id, "a") is None
