"""Channels that the bot cannot post in: detected, reported once, and cleared when they work
again."""

from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection, select

from core.guilds.actions import change_setting
from core.guilds.channels import describe_trouble
from core.guilds.feature import FEATURE as GUILDS
from core.guilds.records import ChannelTrouble
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.work import Work
from core.outbox import actions as outbox
from core.outbox.records import messages
from core.outbox.store import claim_due, set_dead
from core.outbox.transport import ChannelRefused
from core.settings import actions
from core.settings.messages import posted_trouble
from core.slot_calls.rules import SlotCallSettings
from tests.acting import act
from tests.kick.rig import NOON

ADMIN, SLOTS, ADMINS = 900, 55, 66
CHANNEL = SlotCallSettings.declared["channel"]
KNOWN = (ADMIN_CHANNEL, CHANNEL)
FORBIDDEN: actions.Seen = {SLOTS: ("forbidden", ("send_messages",))}
LATER = NOON + timedelta(minutes=5)


@pytest.fixture(autouse=True)
def chosen(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, change_setting, CHANNEL, SLOTS, actor=ADMIN)
    act(tx, guild_id, change_setting, ADMIN_CHANNEL, ADMINS, actor=ADMIN)


def alerts(tx: Connection, guild_id: int) -> list[tuple[dict[str, Any], dict[str, Any]]]:
    """(target, payload) of the alerts to admins."""
    found = tx.execute(
        select(messages.c.target, messages.c.payload)
        .where(messages.c.guild_id == guild_id, messages.c.kind == actions.CHANNEL_TROUBLE)
        .order_by(messages.c.id)
    )
    return [(row.target, row.payload) for row in found]


def seen(tx: Connection, guild_id: int, what: actions.Seen, now: datetime = NOON) -> None:
    act(tx, guild_id, actions.note_seen, KNOWN, what, at=now)


def test_channels_of_all_settings_are_watched(tx: Connection, guild_id: int) -> None:
    assert set(act(tx, guild_id, actions.list_watched, KNOWN)) == {SLOTS, ADMINS}


def test_admins_are_alerted_once_with_the_affected_features(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for minute in range(3):
        seen(tx, guild_id, FORBIDDEN, NOON + timedelta(minutes=minute))
    ((target, payload),) = alerts(tx, guild_id)
    assert target == {"channel_id": ADMINS}
    assert payload["settings"] == ["slot_calls.channel"]
    shown = posted_trouble(payload).embed
    assert "Send Messages" in str(shown.description)
    assert "`slot_calls.channel`" in str(shown.description)
    (part,) = GUILDS.checks[0](tx, LATER)
    assert (part.state, part.guild_id) == ("warn", guild_id)
    assert act(tx, other_guild_id, Work.find, ChannelTrouble, SLOTS) is None


def test_deletion_after_a_permission_loss_is_reported_again(tx: Connection, guild_id: int) -> None:
    seen(tx, guild_id, FORBIDDEN)
    seen(tx, guild_id, {SLOTS: ("deleted", ())})
    assert [payload["reason"] for _target, payload in alerts(tx, guild_id)] == [
        "forbidden",
        "deleted",
    ]


def test_alert_is_not_sent_to_an_unusable_channel(tx: Connection, guild_id: int) -> None:
    seen(tx, guild_id, {ADMINS: ("forbidden", ())})
    assert [target for target, _payload in alerts(tx, guild_id) if "channel_id" in target] == []


def test_choosing_another_channel_ends_the_problem(tx: Connection, guild_id: int) -> None:
    seen(tx, guild_id, FORBIDDEN)
    act(tx, guild_id, change_setting, CHANNEL, SLOTS + 1, actor=ADMIN)
    act(tx, guild_id, actions.list_watched, KNOWN)
    assert act(tx, guild_id, Work.find, ChannelTrouble, SLOTS) is None


def post(tx: Connection, guild_id: int, key: str) -> None:
    act(tx, guild_id, outbox.post_to_channel, SLOTS, "slot_calls.post", key, {})


def refuse_next(tx: Connection, now: datetime) -> None:
    """As the sender does it: the post becomes a dead letter, and the refusal is noted."""
    message = next(m for m in claim_due(tx, now, 10) if m.kind == "slot_calls.post")
    assert set_dead(tx, message, "no")
    actions.note_refused(KNOWN, tx, message, ChannelRefused("forbidden", "no", "no"), now)


def states(tx: Connection, guild_id: int) -> list[str]:
    found = select(messages.c.state).where(messages.c.kind == "slot_calls.post")
    return list(tx.execute(found.order_by(messages.c.id)).scalars())


def test_rejected_messages_are_sent_when_the_channel_works_again(
    tx: Connection, guild_id: int
) -> None:
    now = datetime.now(NOON.tzinfo) + timedelta(seconds=1)
    post(tx, guild_id, "first")
    refuse_next(tx, now)
    assert states(tx, guild_id) == ["dead"]
    trouble = act(tx, guild_id, Work.find, ChannelTrouble, SLOTS)
    assert trouble is not None
    assert "Send Messages" in describe_trouble(trouble)
    assert len(alerts(tx, guild_id)) == 1
    seen(tx, guild_id, {SLOTS: None}, now)
    assert states(tx, guild_id) == ["waiting"]
    assert act(tx, guild_id, Work.find, ChannelTrouble, SLOTS) is None


def test_messages_older_than_a_day_stay_dead_letters(tx: Connection, guild_id: int) -> None:
    now = datetime.now(NOON.tzinfo) + timedelta(seconds=1)
    post(tx, guild_id, "first")
    refuse_next(tx, now)
    seen(tx, guild_id, {SLOTS: None}, now + timedelta(days=1, seconds=1))
    assert states(tx, guild_id) == ["dead"]
