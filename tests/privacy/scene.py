"""A viewer with a life in two servers: everything that the product keeps about people."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import Connection, Row, Text, cast, insert, literal_column, select

from core.events import ChatMessageSent, Person, Sender
from core.features import load_features
from core.guilds import store as guilds
from core.guilds.actions import change_setting
from core.inbox.records import deliveries, events, retries
from core.inbox.store import Delivery, add_deliveries
from core.kick.accounts.records import KickConnectAttempt
from core.kick.review.records import ReviewItem
from core.kit.database.connection import METADATA, cache_of
from core.kit.database.personal import Personal, Subject
from core.kit.database.records import THE_BOT, MemberId
from core.kit.database.work import Work, run_in_guild
from core.kit.runtime.clock import utc_now
from core.kit.runtime.crypto import Vault
from core.outbox import actions as outbox
from core.people import actions as people
from core.people import store as viewers
from core.people.exclusions.actions import exclude_viewer
from core.people.linking import actions as linking
from core.people.linklog.actions import LinkLogSettings
from core.people.records import LinkAttempt
from core.privacy import actions
from core.slot_calls.feature import FEATURE as SLOT_CALLS
from core.slot_calls.rules import SlotCallSettings
from core.watchtime import actions as watchtime
from core.watchtime.records import Adjustment, Day, Total
from tests.acting import act

ADMIN = 900
MIA = 1_100_000_000_000_000_003
MADCATS = 4_100_003
NAME = "Mad_Cats"
KICK_CHANNEL = 4_100_001
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
_numbers = count(1)

VAULT = Vault([Fernet.generate_key().decode()])

KEPT: Sequence[Personal] = tuple(
    feature.personal for feature in load_features() if feature.personal is not None
)


def line(guild_id: int, text: str, *, user_id: int = MADCATS, name: str = NAME) -> ChatMessageSent:
    """A chat message, which every feature may handle."""
    key = f"line-{next(_numbers)}"
    return ChatMessageSent(
        key=key,
        guild_id=guild_id,
        at=NOON,
        platform="kick",
        channel_id=KICK_CHANNEL,
        message_id=key,
        sender=Sender(user_id=user_id, name=name),
        text=text,
    )


def live(tx: Connection, guild_id: int, *, user_id: int = MADCATS, name: str = NAME) -> int:
    """Chat, call, watch, be corrected, be blocked, be excluded, link; returns the viewer id."""
    for channel, value in (
        (SlotCallSettings.declared["channel"], 555),
        (LinkLogSettings.declared["link_log_channel"], 556),
    ):
        act(tx, guild_id, change_setting, channel, value, actor=ADMIN)
    act(tx, guild_id, change_setting, LinkLogSettings.declared["link_log"], True, actor=ADMIN)
    guilds.set_channel(tx, guilds.Channel(guild_id, "kick", KICK_CHANNEL, "noraplays"))
    said = line(guild_id, "!call Book of Dead", user_id=user_id, name=name)
    viewer_id = people.get_or_create_sender(tx, said)
    SLOT_CALLS.chat_commands[0].run(tx, [said])
    cache_of(tx).clear()  # what follows happens in separate transactions
    with Work(tx, guild_id, actor=ADMIN, now=NOON) as work:
        exclude_viewer(work, viewer_id, "slot_calls")
    _watch(tx, guild_id, viewer_id)
    _tell(tx, guild_id, user_id, name)
    discord_id = MIA if user_id == MADCATS else user_id
    attempt = LinkAttempt(
        platform="kick",
        discord_id=MemberId(discord_id),
        discord_name="Mia",
        discord_handle="mia",
        avatar_url=f"https://cdn.example/avatars/{discord_id}/mia.png",
        by_dm=True,
        asked_at=utc_now(),
    )
    cache_of(tx).clear()
    with Work(tx, guild_id, actor=discord_id, now=utc_now()) as work:
        linking.open_attempt(work, attempt)
        linking.link_account(work, "kick", Person(user_id=user_id, name=name))
    act(
        tx,
        guild_id,
        outbox.post_to_user,
        discord_id,
        "people.linked",
        f"people.linked:{next(_numbers)}",
        {"account": name},
    )
    return viewer_id


def _watch(tx: Connection, guild_id: int, viewer_id: int) -> None:
    mine = {"guild_id": guild_id, "viewer_id": viewer_id}
    watchtime.store_presence(tx, [line(guild_id, "watching", user_id=_user_id(tx, **mine))])
    watchtime.note_live(tx, guild_id, "kick", NOON, NOON + timedelta(hours=1))
    cache_of(tx).clear()
    watchtime.credit(tx, guild_id)
    tx.execute(
        insert(Adjustment).values(
            **mine,
            key=f"k{next(_numbers)}",
            amount=timedelta(minutes=5),
            reason="x",
            actor=1,
            at=NOON,
        )
    )
    with Work(tx, guild_id, actor=ADMIN, now=NOON) as work:
        exclude_viewer(work, viewer_id, "watchtime")


def _user_id(tx: Connection, guild_id: int, viewer_id: int) -> int:
    return viewers.get_viewer(tx, guild_id, viewer_id).platform_user_id


def _tell(tx: Connection, guild_id: int, user_id: int, name: str) -> None:
    """Kick's own words, done; a fact of a gift; a handler that failed; what the feed saw."""
    number = next(_numbers)
    body = {
        "message_id": f"m{number}",
        "sender": {"user_id": user_id, "username": name, "channel_slug": name.replace("_", "-")},
        "content": "my secret",
    }
    told = Delivery("kick.webhook", f"d{number}", "chat", _lane(), body, NOON)
    add_deliveries(tx, [told])
    tx.execute(deliveries.update().values(state="done"))
    same: dict[str, Any] = {"guild_id": guild_id, "at": NOON}
    for event in ("SubGifted", "ChannelFollowed"):
        key = f"{user_id}|{number}|{NOON.isoformat()}"
        tx.execute(insert(events).values(**same, event=event, key=key, delivery=1))
    tx.execute(
        insert(retries).values(
            guild_id=guild_id,
            event="ChatMessageSent",
            key=f"r{number}",
            handler="x",
            payload={"sender": {"user_id": user_id, "name": name}},
            try_at=NOON,
            error="x",
        )
    )
    tx.execute(
        insert(ReviewItem).values(
            **same,
            kind="gift",
            key=f"w|{name}|{number}",
            subject=f"|{name.lower()}",
            drop="d",
            channel_id=KICK_CHANNEL,
            source="feed",
            giver="",
            receiver=name,
            amount=1,
            gift_name="",
            message="",
            is_counted=False,
            state="dismissed",
        )
    )
    tx.execute(
        insert(KickConnectAttempt).values(
            guild_id=guild_id,
            link_id=f"l{number}",
            asked_by=MIA,
            asked_by_name="mia",
            asked_at=NOON,
        )
    )


def _lane() -> str:
    return f"kick:{KICK_CHANNEL}"


def ask(tx: Connection, guild_id: int) -> Subject:
    """Mia asks, now."""
    cache_of(tx).clear()
    return actions.who_asks(tx, guild_id, MIA, ["mia", "Mia 🐈"], utc_now())


def forget(tx: Connection, guild_id: int) -> None:
    cache_of(tx).clear()
    actions.forget(tx, KEPT, ask(tx, guild_id), VAULT)


def sweep_request(tx: Connection, request: Row[Any], now: datetime) -> bool:
    """As the task does it."""
    given = (KEPT, request.request_id, VAULT)
    return run_in_guild(tx, request.guild_id, THE_BOT, now, actions.sweep, *given)


def traces(tx: Connection, guild_id: int) -> dict[str, int]:
    """Table -> rows of this server, or of none, in which Mia can still be found."""
    found = {}
    wanted = (str(MIA), str(MADCATS), NAME, NAME.replace("_", "-"), "my secret", "mia.png")
    for table in METADATA.sorted_tables:
        row = cast(literal_column(f'"{table.name}"'), Text)
        rows = select(row).select_from(table)
        if "guild_id" in table.c:
            rows = rows.where(table.c.guild_id == guild_id)
        texts = [text.casefold() for text in tx.execute(rows).scalars()]
        count = sum(any(name.casefold() in text for name in wanted) for text in texts)
        if count:
            found[table.name] = count
    return found


def watched(tx: Connection, guild_id: int, viewer_id: int) -> int:
    """Rows of watchtime that a viewer has."""
    with Work(tx, guild_id, now=NOON) as work:
        return sum(work.count(record.viewer_id == viewer_id) for record in (Day, Adjustment, Total))
