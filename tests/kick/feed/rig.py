"""Shared by the tests of the feed: services that use the fake Kick, and a listener with short
intervals."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import insert, select

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.records import deliveries
from core.kick.accounts.records import KnownChannel
from core.kick.feed.listener import FeedListener
from core.kick.feed.session import Timing
from core.kit.database.connection import Database
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.conftest import GUILD
from tests.kick.rig import NORA, settings
from tests.patience import until

CHATROOM, SITE = 3_100_001, 2_100_001
CHAT_FEED, GIFT_FEED = f"chatrooms.{CHATROOM}.v2", f"chatroom_{CHATROOM}"
KICKS_FEED = f"channel_{SITE}"

HASTE = Timing(update=0.1, steady=0.2, pause_factor=0.02)
"""It updates and retries soon, and waits as long as usual for answers."""


def services(database: Database, sandbox: Sandbox, **differs: Any) -> Services:
    """The services of a process, using the fake Kick."""
    environment = {name.lower(): value for name, value in sandbox.env.items()}
    return Services(settings(**environment | differs), database, LocalBus())


def follow(
    database: Database,
    guild_id: int = GUILD,
    *,
    channel_id: int = NORA,
    site_channel_id: int | None = SITE,
    chatroom_id: int | None = CHATROOM,
) -> None:
    """The server follows this channel and knows its numbers."""
    with database.begin() as tx:
        guilds.set_channel(tx, Channel(guild_id, "kick", channel_id, f"channel-{channel_id}"))
        tx.execute(
            insert(KnownChannel).values(
                guild_id=guild_id,
                broadcaster_user_id=channel_id,
                site_channel_id=site_channel_id,
                chatroom_id=chatroom_id,
                chatroom_from="site" if chatroom_id else None,
            )
        )


@contextmanager
def listening(ours: Services, timing: Timing = HASTE) -> Iterator[FeedListener]:
    """A listener for the length of the block."""
    listener = FeedListener(ours, timing)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def wait_for_listener(
    kick: KickDriver, *feeds: str, transport: str | None = None, other_than: str = ""
) -> dict[str, Any]:
    """Until somebody listens to all of these feeds, over another connection than this one."""

    def listens(one: dict[str, Any]) -> bool:
        return set(feeds) <= set(one["feeds"]) and transport in (None, one["transport"])

    return until(
        lambda: next(
            (
                listener
                for listener in kick.feed_listeners()
                if listens(listener) and listener["id"] != other_than
            ),
            None,
        ),
        f"a listener for {feeds}",
    )


def inbox_kinds(database: Database) -> list[str]:
    """What the feed has brought, in order."""
    with database.begin() as tx:
        found = tx.execute(
            select(deliveries.c.kind)
            .where(deliveries.c.source == "kick.feed")
            .order_by(deliveries.c.id)
        )
        return list(found.scalars())
