"""Storing and finding viewers."""

from collections.abc import Sequence
from datetime import datetime

from sqlalchemy import Connection

from core.events import ChatMessageSent, Person
from core.kit.database.connection import cache_of
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people import store
from core.people.lookup import discord_id_in, find_person, names_of, split_platform
from core.people.names import own_name
from core.people.records import GuildAccount, Viewer


def get_or_create_sender(tx: Connection, message: ChatMessageSent) -> ViewerId:
    """The viewer id of a message's sender; queried once per transaction and message."""
    return get_or_create_senders(tx, [message])[0]


def get_or_create_senders(tx: Connection, messages: Sequence[ChatMessageSent]) -> list[ViewerId]:
    """Like `get_or_create_sender`, for many messages at once."""
    cache, keys = cache_of(tx), [_sender_key(message) for message in messages]
    new = [message for message, key in zip(messages, keys, strict=True) if key not in cache]
    if new:
        seen = [store.Seen(_account(m), m.sender.name, m.at, m.sender.login) for m in new]
        met = store.set_viewers(tx, seen)
        cache.update({_sender_key(m): met[_account(m)] for m in new})
    return [cache[key] for key in keys]


def _account(message: ChatMessageSent) -> GuildAccount:
    return GuildAccount(message.guild_id, message.platform, message.sender.user_id)


def _sender_key(message: ChatMessageSent) -> tuple[str, int, str, str]:
    return ("people.sender", message.guild_id, message.platform, message.key)


def get_or_create_person(
    tx: Connection, guild_id: int, platform: str, person: Person, at: datetime
) -> int:
    """The viewer id of a person in an event."""
    account = GuildAccount(guild_id, platform, person.user_id)
    return store.set_viewers(tx, [store.seen_as(account, person, at)])[account]


def get_or_create_people(tx: Connection, seen: Sequence[store.Seen]) -> dict[GuildAccount, int]:
    """Like `get_or_create_person`, for many people."""
    return store.set_viewers(tx, seen) if seen else {}


def find_own(work: Work) -> Viewer | None:
    """The account that represents the actor; None if they have not linked any."""
    link = store.find_link(work, work.actor)
    return store.get_viewer(work.tx, work.guild_id, link.viewer_id) if link else None


def not_shown() -> Refusal:
    """The refusal to show a hidden viewer in public."""
    return Refusal(
        _("Their name is not shown in public."),
        _("Moderators can see them on the dashboard, and in slash commands with a private reply."),
    )


def find_asked(
    work: Work, who: str | None, *, is_admin: bool, in_public: bool, remedy: str
) -> Viewer | None:
    """The account a command is about: the actor's own (None if nothing is linked), or for admins
    anybody's. Raises Refusal for a public reply about a hidden viewer, and with this remedy if a
    member asks about others.
    """
    own = find_own(work)
    if who is None or discord_id_in(who) == work.actor:
        return own
    if is_admin:
        found = find_person(work, who)
        is_own = own is not None and found.person_id == own.person_id
        if in_public and not is_own and not own_name(work, found.viewer_id):
            raise not_shown()
        return found
    if own is not None:
        accounts = store.list_accounts_of(work.tx, work.guild_id, own.viewer_id)
        if store.fold(split_platform(who)[1]) in frozenset().union(*map(names_of, accounts)):
            return own
    raise Refusal(_("Only moderators can look up other viewers."), remedy)
