"""Meeting viewers and finding them again."""

import re
from collections.abc import Sequence
from datetime import UTC, datetime

from sqlalchemy import Connection

from core.events import ChatMessageSent, Person
from core.kit.database import cache_of
from core.kit.errors import Refusal
from core.kit.records import ViewerId
from core.kit.words import _
from core.kit.work import Work
from core.people import store
from core.people.records import GuildAccount, Viewer

_MENTION = re.compile(r"<@!?([0-9]{1,19})>")
_DISCORD_ID = re.compile(r"[0-9]{15,19}")


def meet_sender(tx: Connection, message: ChatMessageSent) -> ViewerId:
    """The viewer id of who wrote this line; asked once a transaction and line."""
    return meet_senders(tx, [message])[0]


def meet_senders(tx: Connection, messages: Sequence[ChatMessageSent]) -> list[ViewerId]:
    """The same for many lines at once."""
    cache, keys = cache_of(tx), [_sender_key(message) for message in messages]
    new = [message for message, key in zip(messages, keys, strict=True) if key not in cache]
    if new:
        met = store.set_viewers(tx, [(_account(m), m.sender.name, m.at) for m in new])
        cache.update({_sender_key(m): met[_account(m)] for m in new})
    return [cache[key] for key in keys]


def _account(message: ChatMessageSent) -> GuildAccount:
    return GuildAccount(message.guild_id, message.platform, message.sender.user_id)


def _sender_key(message: ChatMessageSent) -> tuple[str, int, str, str]:
    return ("people.sender", message.guild_id, message.platform, message.key)


_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


def meet_person(tx: Connection, guild_id: int, platform: str, person: Person, at: datetime) -> int:
    """The viewer id of whom an event names. Where the platform left the name out, it must not take
    the place of one that is known."""
    account = GuildAccount(guild_id, platform, person.user_id)
    return meet_people(tx, [(account, person.name, at)])[account]


def meet_people(
    tx: Connection, seen: Sequence[tuple[GuildAccount, str, datetime]]
) -> dict[GuildAccount, int]:
    """The same for many: account, name and when it had this name."""
    named = [
        (account, name, at) if name else (account, str(account.user_id), _LONG_AGO)
        for account, name, at in seen
    ]
    return store.set_viewers(tx, named) if named else {}


def get_by_name(tx: Connection, guild_id: int, name: str) -> Viewer:
    """The viewer of this name. Raises Refusal if nobody of this name has been seen in the server's
    chats, or different people on different platforms."""
    viewers = store.list_by_name(tx, guild_id, name)
    if not viewers:
        raise Refusal(
            _("I have not seen anybody called “{name}” in chat.").format(name=name.strip()),
            _("Names are as on Kick or Twitch. Capitals do not matter."),
        )
    if len({viewer.person_id for viewer in viewers}) > 1:
        raise Refusal(
            _("There is a “{name}” on Kick and another one on Twitch.").format(
                name=viewers[0].name
            ),
            _("Write which one: `kick:{name}` or `twitch:{name}`.").format(name=viewers[0].name),
        )
    return viewers[0]


def find_person(work: Work, text: str) -> Viewer:
    """The account that is meant by a mention, a Discord id or a name, which may say its platform as
    `twitch:name`. Of a member with several accounts it is the one that represents them. Raises
    Refusal if the member has not linked an account, or nobody of this name was seen."""
    typed = text.strip()
    discord_id = discord_id_in(typed)
    if discord_id is not None:
        link = store.find_link(work, discord_id)
        if link is not None:
            return store.get_viewer(work.tx, work.guild_id, link.viewer_id)
        # A name may consist of digits.
        if not (typed.isdigit() and store.find_by_name(work.tx, work.guild_id, typed)):
            raise Refusal(
                _("That member has not linked an account."),
                _("<@{discord_id}> does that with `/link`. A name in chat works as well.").format(
                    discord_id=discord_id
                ),
            )
    return get_by_name(work.tx, work.guild_id, typed)


def find_own(work: Work) -> Viewer | None:
    """The account that represents the actor; None if they have linked none."""
    link = store.find_link(work, work.actor)
    return store.get_viewer(work.tx, work.guild_id, link.viewer_id) if link else None


def find_asked(work: Work, who: str | None, *, is_admin: bool, remedy: str) -> Viewer | None:
    """Whom a question is about: one's own account (None if nothing is linked), or for an admin
    anybody's. Raises Refusal with this remedy if it is about somebody else, or nobody."""
    own = find_own(work)
    if who is None or discord_id_in(who) == work.actor:
        return own
    if is_admin:
        return find_person(work, who)
    if own is not None:
        accounts = store.list_accounts_of(work.tx, work.guild_id, own.viewer_id)
        if store.fold(who.rpartition(":")[2]) in {store.fold(one.name) for one in accounts}:
            return own
    raise Refusal(_("Looking up somebody else is for moderators."), remedy)


def discord_id_in(text: str) -> int | None:
    """Whom a mention or a bare Discord id means; None for any other text."""
    mention = _MENTION.fullmatch(text.strip())
    if mention is not None:
        return int(mention[1])
    return int(text) if _DISCORD_ID.fullmatch(text.strip()) else None
