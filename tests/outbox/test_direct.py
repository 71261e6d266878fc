"""Messages to a person."""

from sqlalchemy import Connection, select

from core.outbox import actions
from core.outbox.records import messages
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD


def test_dm_is_posted_once_in_its_own_lane(tx: Connection) -> None:
    for guild_id in (GUILD, GUILD, OTHER_GUILD):
        act(tx, guild_id, actions.post_to_user, 4711, "kick.connected", "key", {"number": 1})
    act(tx, GUILD, actions.post_to_channel, 4711, "kick.connected", "another key", {})
    found = tx.execute(
        select(messages.c.guild_id, messages.c.lane, messages.c.target).order_by(messages.c.id)
    ).all()
    assert [tuple(row) for row in found] == [
        (GUILD, "discord:user:4711", {"user_id": 4711}),
        (OTHER_GUILD, "discord:user:4711", {"user_id": 4711}),
        (GUILD, "discord:4711", {"channel_id": 4711}),
    ]
