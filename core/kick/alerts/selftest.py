"""The hourly self-test of a live channel from which no chat arrives: a line in chat has to come
back. Only the primary server runs it, and only where an admin has switched it on."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds import actions as settings_of
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.accounts.primary import find_primary
from core.kick.alerts.no_events import find_silence
from core.kick.bodies import PLATFORM
from core.kick.chat import selftest, store
from core.kick.chat.identities import why_unable_to_send
from core.kick.chat.records import SelfTest
from core.kick.intake import store as intake
from core.kick.intake.rules import is_overdue
from core.kick.intake.settings import NO_EVENTS_MINUTES
from core.kit.feature import GuildSetting
from core.kit.services import Services

SELFTEST = GuildSetting(
    "kick.hourly_selftest",
    bool,
    False,
    "While the stream is live and no chat arrives, write a line in Kick's chat, at most once an "
    "hour, to find out whether chat still arrives.",
)

EVERY = timedelta(hours=1)
COMES_BACK = timedelta(minutes=2)
"""How long the line may take."""


def run_due(tx: Connection, services: Services, now: datetime) -> None:
    """Send a line where one is due, and store the result of the last one."""
    status_checks = intake.list_status_checks(tx)
    for channel in guilds.list_channels(tx, PLATFORM):
        last = store.find_test(tx, channel.guild_id)
        if last is not None and last.state == "waiting":
            _note_result(tx, channel, last, now)
        elif last is None or now - last.sent_at >= EVERY:
            check = status_checks.get(channel.channel_id)
            if check is not None and check.started_at is not None and _is_wanted(tx, channel):
                minutes = settings_of.setting(tx, channel.guild_id, NO_EVENTS_MINUTES)
                if is_overdue(find_silence(tx, channel, check), now, minutes):
                    _say(tx, services, channel, now)


def _is_wanted(tx: Connection, channel: Channel) -> bool:
    if not settings_of.setting(tx, channel.guild_id, SELFTEST):
        return False
    return find_primary(tx, channel.channel_id) == channel.guild_id


def _say(tx: Connection, services: Services, channel: Channel, now: datetime) -> None:
    if why_unable_to_send(tx, services, channel.guild_id) is not None:
        return
    key = f"kick.selftest:{secrets.token_hex(4)}"
    selftest.say_test(tx, services, channel.guild_id, key, now)


def _note_result(tx: Connection, channel: Channel, last: SelfTest, now: datetime) -> None:
    result = selftest.find_result(tx, channel.guild_id, channel, last.key, last.sent_at)
    if result.returned_after is not None:
        store.set_test_state(tx, last, "received")
    elif now - last.sent_at >= COMES_BACK:
        # A line that Kick did not take says nothing about what arrives.
        store.set_test_state(tx, last, "failed" if result.was_sent else "not_sent")
