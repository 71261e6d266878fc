"""The scheduled check for alerts, and the alert about a realtime feed that shows another channel's
chat."""

from datetime import datetime

import structlog
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.channels import tell_admins
from core.kick.accounts import store as accounts
from core.kick.alerts import no_events, selftest
from core.kick.bodies import PLATFORM
from core.kick.feed import store as feed
from core.kit.feature import Task
from core.kit.services import Services
from core.kit.work import Work

_log = structlog.get_logger(__name__)


def watch(services: Services) -> None:
    """Run the self-tests that are due, and alert admins."""
    now = services.clock()
    with services.database.begin() as tx:
        selftest.run_due(tx, services, now)
    with services.database.begin() as tx:
        no_events.watch(tx, now)
        report_wrong_chatrooms(tx, now)


def report_wrong_chatrooms(tx: Connection, now: datetime) -> None:
    """Tell the admins of every server whose chatroom id leads to another chat."""
    states = feed.list_states(tx, now)
    slugs = {one.guild_id: one.slug for one in guilds.list_channels(tx, PLATFORM)}
    for known in accounts.list_known_channels(tx):
        state = states.get(known.broadcaster_user_id)
        if state is None or not state.shows_another_chat or known.chatroom_id is None:
            continue
        if (
            state.chatroom_id != known.chatroom_id
            or known.reported_chatroom_id == known.chatroom_id
        ):
            continue
        accounts.change_known_channel(tx, known, reported_chatroom_id=known.chatroom_id)
        _log.warning(
            "The realtime feed shows none of the chat that webhooks bring",
            chatroom=known.chatroom_id,
            guild_id=known.guild_id,
        )
        with Work(tx, known.guild_id, now=now) as work:
            tell_admins(
                work,
                "kick.wrong_chatroom",
                f"kick.wrong_chatroom:{known.chatroom_id}:{now.isoformat()}",
                {"slug": slugs.get(known.guild_id, ""), "chatroom_id": known.chatroom_id},
            )


TASKS = (Task("kick.alerts", every=lambda settings: settings.live_poll_seconds, run=watch),)
