"""Changes of a server's Kick channel and account, inside a transaction. Network calls are made by
`connect`, `channels` and `tokens`, between transactions."""

from collections.abc import Mapping
from dataclasses import replace

import structlog
from sqlalchemy import Connection, select

from core.guilds import store as guilds
from core.guilds.actions import audit
from core.guilds.connections.accounts import AccountKind
from core.kick.accounts import oauth
from core.kick.accounts.records import Account, KickConnectAttempt, KnownChannel, Source
from core.kick.accounts.rules import missing_words
from core.kick.bodies import PLATFORM
from core.kick.client import SiteChannel, client_of
from core.kit.database.records import MemberId, PlatformUserId
from core.kit.database.work import ACROSS_GUILDS, Lock, Work
from core.kit.errors import Refusal
from core.kit.text.words import _

_log = structlog.get_logger(__name__)

# -- channels -------------------------------------------------------------------------------------


def get_channel(work: Work) -> guilds.Channel:
    """The configured channel.

    Raises:
        Refusal: no channel is configured.
    """
    channel = guilds.find_channel(work.tx, work.guild_id, PLATFORM)
    if channel is None:
        raise Refusal(
            _("No Kick channel is set for this server yet."),
            _("Name it once: `/connect_kick channel:<name>`, as in kick.com/<name>."),
        )
    return channel


def choose_channel(
    work: Work, channel: guilds.Channel, *, by_admin: bool = True, named: str | None = None
) -> None:
    """Set the server's channel, and forget what was known of the one before.

    Args:
        named: its name in the environment, if it was chosen there.
    """
    before = guilds.find_channel(work.tx, work.guild_id, PLATFORM)
    changed = guilds.set_channel(work.tx, channel)
    _know(work, channel.channel_id, work.actor if by_admin else None, named)
    if by_admin and work.find(Account) is None:
        guilds.set_contact(work.tx, work.guild_id, work.actor)
    if changed and by_admin:
        audit(
            work,
            "kick.channel",
            channel.slug,
            before=before.slug if before else None,
            after=channel.slug,
        )


def _know(
    work: Work, channel_id: int, chosen_by: MemberId | None, named: str | None = None
) -> KnownChannel:
    work.lock(Lock.KICK_CHANNEL)
    known = work.find(KnownChannel)
    if known is None or known.broadcaster_user_id != channel_id:
        if known is not None:
            work.delete(known)
            work.flush()
        known = KnownChannel(guild_id=work.guild_id, broadcaster_user_id=PlatformUserId(channel_id))
        work.add(known)
    known.chosen_by, known.named = chosen_by, named
    work.flush()
    return known


def rename_channels(tx: Connection, slugs: Mapping[int, str]) -> None:
    """Store new names of channels, which are part of their addresses on Kick's website."""
    for channel in guilds.list_channels(tx, PLATFORM):
        slug = slugs.get(channel.channel_id, channel.slug)
        if slug != channel.slug:
            guilds.set_channel(tx, replace(channel, slug=slug))
            _log.info("Channel renamed", name=slug, guild_id=channel.guild_id)


def is_settled(work: Work, named: str) -> bool:
    """Whether an admin has chosen a channel, which overrides KICK_CHANNEL, or the name in the
    environment was looked up before. That is done once: a renamed channel stays the same, and its
    old name may belong to somebody else."""
    known = work.find(KnownChannel)
    if known is None or known.chosen_by is not None:
        return known is not None
    channel = guilds.find_channel(work.tx, work.guild_id, PLATFORM)
    looked_up = known.named, known.broadcaster_user_id
    return channel is not None and looked_up == (named, channel.channel_id)


def get_known_channel(work: Work) -> KnownChannel:
    """The stored data of the configured channel; a new record if there is none yet.

    Raises:
        Refusal: no channel is configured.
    """
    channel = get_channel(work)
    known = work.find(KnownChannel)
    if known is None or known.broadcaster_user_id != channel.channel_id:
        known = _know(work, channel.channel_id, known.chosen_by if known else None)
    return known


def type_numbers(
    work: Work,
    chatroom_id: int,
    site_channel_id: int | None,
    found: SiteChannel | None = None,
) -> KnownChannel:
    """Store the website's ids as an admin entered them; 0 clears one, None keeps it.

    Args:
        found: the response of Kick's website, if there was one.

    Raises:
        Refusal: no channel is configured, or these are not its ids.
    """
    if not all(0 <= number < 2**63 for number in (chatroom_id, site_channel_id or 0)):
        raise Refusal(_("The ids must be positive numbers."), _("Use 0 to clear one."))
    known = get_known_channel(work)
    if chatroom_id:
        _require_right(work, known, chatroom_id, site_channel_id, found)
    before = known.chatroom_id, known.site_channel_id
    source: Source = "site" if found is not None else "typed"
    if not chatroom_id:
        known.chatroom_from = known.confirmed_at = None
    elif chatroom_id != known.chatroom_id:
        known.chatroom_from, known.confirmed_at = source, None
    elif found is not None:
        known.chatroom_from = source
    known.chatroom_id = chatroom_id or None
    if site_channel_id is not None:
        known.site_channel_id = site_channel_id or None
    after = known.chatroom_id, known.site_channel_id
    for action, was, becomes in zip(
        ("kick.chatroom", "kick.site_channel"), before, after, strict=True
    ):
        if was != becomes:
            audit(work, action, before=was, after=becomes)
    return known


def _require_right(
    work: Work,
    known: KnownChannel,
    chatroom_id: int,
    site_channel_id: int | None,
    found: SiteChannel | None,
) -> None:
    """Raises Refusal for a wrong id, and for one that cannot be checked while another works."""
    # These ids never change, so what the website said for any server is still right.
    said = select(KnownChannel.chatroom_id).where(
        KnownChannel.broadcaster_user_id == known.broadcaster_user_id,
        KnownChannel.chatroom_from == "site",
    )
    right = work.scalar(said.limit(1), execution_options=ACROSS_GUILDS)
    if found is not None:
        right = found.chatroom_id
    if right is not None and right != chatroom_id:
        raise Refusal(
            _("{id} is not your channel's chatroom.").format(id=chatroom_id),
            _("Kick's website says it is {right}: `/set_chatroom {right}`.").format(right=right),
        )
    if found is not None and site_channel_id and site_channel_id != found.channel_id:
        raise Refusal(
            _("{id} is not your channel's id on Kick's website.").format(id=site_channel_id),
            _("Kick's website says it is {right}.").format(right=found.channel_id),
        )
    if right is None and known.confirmed_at is not None and known.chatroom_id != chatroom_id:
        raise Refusal(
            _("Chatroom {id} works: its feed has shown your chat.").format(id=known.chatroom_id),
            _(
                "Kick's website does not answer, so another id cannot be checked. To replace it "
                "anyway, run `/set_chatroom 0` first."
            ),
        )


# -- accounts -------------------------------------------------------------------------------------


def open_attempt(work: Work, attempt: KickConnectAttempt) -> guilds.Channel:
    """Store an admin's request for a link with which the streamer can connect.

    Raises:
        Refusal: no channel is configured.
    """
    channel = get_channel(work)
    work.add(attempt)
    return channel


ACCOUNT = AccountKind(
    "Kick",
    Account,
    stops=lambda: _(
        "The bot can no longer act for the streamer on Kick. It still reads chat, and watchtime, "
        "tickets and settings stay."
    ),
    lost=lambda: _("Chat, subs and gifts still arrive; actions for the streamer are paused."),
    owner_of=lambda account: account.kick_user_id,
    missing=missing_words,
    is_needed=False,
    revoke=lambda settings, *tokens: oauth.revoke(client_of(settings), *tokens),
)


def connect_account(work: Work, account: Account) -> None:
    """Store the account, in place of the one before."""
    ACCOUNT.keep(work, account).bot_failed_at = None  # a default is not merged
