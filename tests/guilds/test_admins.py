"""Who gets alerts."""

from sqlalchemy import Connection, text

from core.guilds import actions as guilds
from core.guilds import store
from core.guilds.channels import alert_admins
from core.guilds.feature import FEATURE
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.personal import Subject
from core.kit.runtime.clock import utc_now
from tests.acting import act

ADMIN = 77


def alerts(tx: Connection, guild_id: int, key: str) -> dict[str, int] | None:
    """The target of the alert; None if there was none."""
    if not act(tx, guild_id, alert_admins, "kick.no_events", key, {}):
        return None
    target: dict[str, int] = tx.execute(
        text("SELECT target FROM outbox_messages WHERE key = :key"), {"key": key}
    ).scalar_one()
    return target


def test_admin_channel_takes_precedence_over_the_contact(tx: Connection, guild_id: int) -> None:
    assert alerts(tx, guild_id, "a") is None
    store.set_contact(tx, guild_id, ADMIN)
    assert alerts(tx, guild_id, "b") == {"user_id": ADMIN}
    act(tx, guild_id, guilds.change_setting, ADMIN_CHANNEL, 55, actor=ADMIN)
    assert alerts(tx, guild_id, "c") == {"channel_id": 55}


def test_forgotten_contact_is_not_notified(tx: Connection, guild_id: int) -> None:
    store.set_contact(tx, guild_id, ADMIN)
    assert FEATURE.personal is not None
    FEATURE.personal.forget(tx, Subject(guild_id, ADMIN, utc_now()))
    assert alerts(tx, guild_id, "a") is None
