"""Channels that the bot cannot use."""

from datetime import timedelta

from sqlalchemy import Connection

from core.guilds import channels
from core.kit.runtime.clock import utc_now
from core.outbox import actions as outbox
from core.outbox.records import messages
from tests.acting import act

NOW = utc_now()
CHANNEL, OTHER_CHANNEL = 55, 56


def note(tx: Connection, guild_id: int, reason: str, channel_id: int = CHANNEL) -> bool:
    missing = ["send_messages"]
    return act(tx, guild_id, channels.note_trouble, channel_id, reason, missing, at=NOW)


def reason_of(tx: Connection, guild_id: int, channel_id: int = CHANNEL) -> str | None:
    found = act(tx, guild_id, channels.find_trouble, channel_id)
    return found.reason if found else None


def test_each_reason_is_noted_once(tx: Connection, guild_id: int) -> None:
    assert note(tx, guild_id, "forbidden")
    assert not note(tx, guild_id, "forbidden")
    assert note(tx, guild_id, "deleted")
    assert reason_of(tx, guild_id) == "deleted"


def test_health_shows_age_and_guild_of_each_trouble(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    note(tx, guild_id, "forbidden")
    note(tx, other_guild_id, "deleted")
    items = channels.check_health(tx, NOW + timedelta(seconds=60))
    shown = {item.guild_id: (item.age_seconds, item.reason) for item in items}
    assert set(shown) >= {guild_id, other_guild_id}
    age, text = shown[guild_id]
    assert age == 60
    assert "Send Messages" in text
    assert "was deleted" in shown[other_guild_id][1]


def test_working_channel_retries_its_dead_letters_in_its_own_guild(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for guild in (guild_id, other_guild_id):
        note(tx, guild, "forbidden")
        assert act(tx, guild, outbox.post_to_channel, CHANNEL, "test", "key", {})
    tx.execute(messages.update().values(state="dead"))

    act(tx, guild_id, channels.end_trouble, CHANNEL)
    assert reason_of(tx, guild_id) is None
    assert reason_of(tx, other_guild_id) == "forbidden"
    states = tx.execute(messages.select().where(messages.c.key == "key"))
    assert {row.guild_id: row.state for row in states} == {
        guild_id: "waiting",
        other_guild_id: "dead",
    }


def test_troubles_of_unused_channels_are_forgotten(tx: Connection, guild_id: int) -> None:
    note(tx, guild_id, "forbidden")
    note(tx, guild_id, "forbidden", OTHER_CHANNEL)
    act(tx, guild_id, channels.forget_unused, [OTHER_CHANNEL])
    assert reason_of(tx, guild_id) is None
    assert reason_of(tx, guild_id, OTHER_CHANNEL) == "forbidden"
