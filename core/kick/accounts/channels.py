"""The channel that streams for a server: choosing it, and looking up its ids at Kick.

Three ids that must never be mixed: the owner's user id (all of Kick's API and webhooks), the
website's channel id and its chatroom id (the realtime feed only). The last two have no official
endpoint, and the website often blocks servers, so nothing that works by webhook needs them.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.accounts import actions, store
from core.kick.accounts.records import KnownChannel
from core.kick.accounts.rules import slug_of
from core.kick.bodies import PLATFORM
from core.kick.client import KickClient, SiteChannel, client_of
from core.kick.wire import KickRejected
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.text.words import _

RETRY_WEBSITE_AFTER = timedelta(hours=6)
"""How long to wait before the website is asked again after it did not answer."""

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Synced:
    """The known data of a server's channel.

    Attributes:
        site_trouble: why the website did not name the chatroom, or "".
    """

    slug: str
    known: KnownChannel
    site_trouble: str


def ensure_channel(services: Services, guild_id: int) -> Channel:
    """The configured channel; that of KICK_CHANNEL if none is.

    Raises:
        Refusal: no channel is configured, or Kick does not know it.
        Outage: Kick does not answer.
    """
    name = services.settings.kick_channel
    with services.work_in(guild_id) as work:
        if name is None or services.settings.discord_guild_id != guild_id:
            return actions.get_channel(work)
        channel = guilds.find_channel(work.tx, guild_id, PLATFORM)
    if channel is None:
        channel = find_at_kick(services, guild_id, name)
        with services.work_in(guild_id) as work:
            actions.choose_channel(work, channel, by_admin=False, named=slug_of(name))
    return channel


def find_at_kick(services: Services, guild_id: int, name: str) -> Channel:
    """The channel with this name.

    Raises:
        Refusal: Kick knows no such channel.
        Outage: Kick does not answer.
    """
    slug = slug_of(name)
    try:
        found = client_of(services.settings).find_channel(slug) if slug else None
    except KickRejected as rejected:
        raise Refusal(str(rejected)) from rejected
    if found is None:
        raise Refusal(
            _("Kick knows no channel called “{name}”.").format(name=name),
            _("Write it as in its address, kick.com/<name>."),
        )
    return Channel(guild_id, PLATFORM, *found)


def follow_environment(services: Services) -> None:
    """Set KICK_CHANNEL as the channel of DISCORD_GUILD_ID, unless an admin has chosen a channel
    there, or that was done before.

    Raises:
        Refusal: a setting is missing, or Kick does not know the channel.
        Outage: Kick does not answer.
    """
    name, guild_id = services.settings.kick_channel, services.settings.discord_guild_id
    if name is None or guild_id is None:
        with services.database.begin() as tx:
            if guilds.list_channels(tx, PLATFORM):
                return
        raise Refusal(
            "KICK_CHANNEL and DISCORD_GUILD_ID are not set, and /connect_kick has set no channel."
        )
    slug = slug_of(name)
    with services.work_in(guild_id) as work:
        if actions.is_settled(work, slug):
            return
    try:
        channel = find_at_kick(services, guild_id, name)
    except Refusal as refusal:
        raise Refusal(f"{refusal.what} Please check KICK_CHANNEL.") from refusal
    with services.work_in(guild_id) as work:
        if not actions.is_settled(work, slug):
            actions.choose_channel(work, channel, by_admin=False, named=slug)


def sync(services: Services, guild_id: int) -> Synced:
    """Ask Kick for the channel's current name and its ids, and store them.

    Raises:
        Refusal: no channel is configured, or Kick declines.
        Outage: Kick's API does not answer.
    """
    channel = ensure_channel(services, guild_id)
    client = client_of(services.settings)
    try:
        # By the owner's id, which stays when the channel is renamed.
        slug = client.find_slug(channel.channel_id) or channel.slug
    except KickRejected as rejected:
        raise Refusal(str(rejected)) from rejected
    with services.work_in(guild_id) as work:
        guilds.set_channel(work.tx, Channel(guild_id, PLATFORM, channel.channel_id, slug))
        known = actions.get_known_channel(work)
    return look_at_site(services, client, slug, known)


def look_at_site(services: Services, client: KickClient, slug: str, known: KnownChannel) -> Synced:
    """Ask the website for its two ids. It often does not answer, which is not an error."""
    found, trouble = _ask_site(client, slug, known)
    with services.work_in(known.guild_id) as work:
        current = work.find(KnownChannel)
        if current is None or current.broadcaster_user_id != known.broadcaster_user_id:
            return Synced(slug, current or known, trouble)
        current.checked_at = work.now
        if found is not None:
            if current.chatroom_id != found.chatroom_id:
                current.confirmed_at = None
            current.site_channel_id, current.chatroom_id = found.channel_id, found.chatroom_id
            current.chatroom_from = "site"
    return Synced(slug, current, trouble)


def type_numbers(
    services: Services, guild_id: int, chatroom_id: int, site_channel_id: int | None, actor: int
) -> Synced:
    """Check the ids that an admin entered with Kick's website, and store them; 0 clears one.

    Raises:
        Refusal: no channel is configured, or these are not its ids.
    """
    with services.work_in(guild_id, actor) as work:
        channel = actions.get_channel(work)
        known = actions.get_known_channel(work)
    found, trouble = None, ""
    if chatroom_id > 0 or (site_channel_id or 0) > 0:
        found, trouble = _ask_site(client_of(services.settings), channel.slug, known)
    with services.work_in(guild_id, actor) as work:
        known = actions.type_numbers(work, chatroom_id, site_channel_id, found)
    return Synced(channel.slug, known, trouble)


def _ask_site(client: KickClient, slug: str, known: KnownChannel) -> tuple[SiteChannel | None, str]:
    try:
        found = client.site_channel(slug)
    except Outage as outage:
        return None, outage.reason
    except KickRejected as rejected:
        return None, f"HTTP {rejected.status}"
    if found.owner_user_id != known.broadcaster_user_id:
        return None, "it answered about another channel"
    return found, ""


def look_up_missing(services: Services) -> None:
    """Ask the website for the ids that are not known, if it was not asked lately."""
    now = services.clock()
    with services.database.begin() as tx:
        followed = {channel.guild_id: channel for channel in guilds.list_channels(tx, PLATFORM)}
        missing = [known for known in store.list_known_channels(tx) if _is_missing(known, now)]
    client = client_of(services.settings)
    for known in missing:
        channel = followed.get(known.guild_id)
        if channel is not None and channel.channel_id == known.broadcaster_user_id:
            synced = look_at_site(services, client, channel.slug, known)
            if synced.site_trouble:
                _log.info(
                    "Looking up the chatroom id failed",
                    reason=synced.site_trouble,
                    guild_id=known.guild_id,
                )


def _is_missing(known: KnownChannel, now: datetime) -> bool:
    is_complete = known.chatroom_id is not None and known.site_channel_id is not None
    if is_complete and known.is_chatroom_sure:
        return False
    return known.checked_at is None or now - known.checked_at > RETRY_WEBSITE_AFTER
