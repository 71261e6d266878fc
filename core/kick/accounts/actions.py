"""What one can do with a server's Kick account, inside a transaction. Network calls are made by
`connect`, `channels` and `tokens`, between transactions."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.channels import tell_admins
from core.kick.accounts import store
from core.kick.accounts.store import Account, KnownChannel
from core.kick.client import SiteChannel
from core.kit.attempts import new_link_id
from core.kit.errors import Refusal
from core.kit.signed_links import PersonalLink
from core.kit.words import _
from core.outbox import actions as outbox

PLATFORM = "kick"

_log = structlog.get_logger(__name__)


def open_link(
    tx: Connection, guild_id: int, asked_by: int, asked_by_name: str, now: datetime
) -> PersonalLink:
    """An admin asks for a link with which the streamer can connect.

    Raises:
        Refusal: no channel is configured.
    """
    get_channel(tx, guild_id)
    link = PersonalLink(new_link_id(), guild_id, asked_by)
    store.add_attempt(tx, link.link_id, guild_id, asked_by, asked_by_name, now)
    return link


def get_channel(tx: Connection, guild_id: int) -> guilds.Channel:
    """The configured channel.

    Raises:
        Refusal: there is none.
    """
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    if channel is None:
        raise Refusal(
            _("No Kick channel is set for this server yet."),
            _("Name it once: `/connect_kick channel:<name>`, as in kick.com/<name>."),
        )
    return channel


def choose_channel(
    tx: Connection, channel: guilds.Channel, chosen_by: int | None, *, named: str | None = None
) -> bool:
    """This channel streams for the server from now on; what was known of another is dropped.

    Args:
        chosen_by: Discord id of the admin, or None when the environment says so.
        named: how the environment calls it.
    """
    before = guilds.find_channel(tx, channel.guild_id, PLATFORM)
    changed = guilds.set_channel(tx, channel)
    store.set_known_channel(tx, channel.guild_id, channel.channel_id, chosen_by, named)
    if chosen_by is not None and store.find_account(tx, channel.guild_id) is None:
        guilds.set_contact(tx, channel.guild_id, chosen_by)
    if changed and chosen_by is not None:
        guilds.post_audit(
            tx,
            channel.guild_id,
            chosen_by,
            "kick.channel",
            target=channel.slug,
            before=before.slug if before else None,
            after=channel.slug,
        )
    return changed


def rename_channels(tx: Connection, slugs: Mapping[int, str]) -> None:
    """What Kick calls these channels today: addresses at its website are made of the name."""
    for channel in guilds.list_channels(tx, PLATFORM):
        slug = slugs.get(channel.channel_id, channel.slug)
        if slug != channel.slug:
            guilds.set_channel(tx, replace(channel, slug=slug))
            _log.info("The channel is called otherwise now", name=slug, guild_id=channel.guild_id)


def is_chosen_by_admin(tx: Connection, guild_id: int) -> bool:
    """Whether an admin's choice stands above KICK_CHANNEL."""
    known = store.find_known_channel(tx, guild_id)
    return known is not None and known.chosen_by is not None


def is_looked_up(tx: Connection, guild_id: int, named: str) -> bool:
    """Whether it is known which channel the environment means by this name. That is asked once: a
    channel that is renamed stays the same, and its former name may be somebody else's by now."""
    known = store.find_known_channel(tx, guild_id)
    channel = guilds.find_channel(tx, guild_id, PLATFORM)
    return (
        known is not None
        and channel is not None
        and (known.named, known.broadcaster_user_id) == (named, channel.channel_id)
    )


def get_known_channel(tx: Connection, guild_id: int) -> KnownChannel:
    """What is known of the configured channel; made now for one that was configured before.

    Raises:
        Refusal: no channel is configured.
    """
    channel = get_channel(tx, guild_id)
    known = store.find_known_channel(tx, guild_id)
    if known is None or known.broadcaster_user_id != channel.channel_id:
        store.set_known_channel(
            tx, guild_id, channel.channel_id, known.chosen_by if known else None
        )
        known = store.find_known_channel(tx, guild_id)
    assert known is not None, "it was just written"
    return known


def type_numbers(
    tx: Connection,
    guild_id: int,
    chatroom_id: int,
    site_channel_id: int | None,
    actor: int,
    found: SiteChannel | None = None,
) -> KnownChannel:
    """An admin types in the website's numbers; 0 forgets one, None leaves it as it is.

    Args:
        found: what Kick's website says, if it answered.

    Raises:
        Refusal: no channel is configured, these are no such numbers, or others are known to be
            right.
    """
    if not all(0 <= number < 2**63 for number in (chatroom_id, site_channel_id or 0)):
        raise Refusal(_("These ids are positive numbers."), _("Use 0 to forget one."))
    before = get_known_channel(tx, guild_id)
    if chatroom_id:
        _require_right(tx, before, chatroom_id, site_channel_id, found)
    origin: store.Source = "site" if found is not None else "typed"
    stays = chatroom_id == before.chatroom_id
    wanted = replace(
        before,
        chatroom_id=chatroom_id or None,
        chatroom_from=(before.chatroom_from if stays and found is None else origin)
        if chatroom_id
        else None,
        confirmed_at=before.confirmed_at if stays else None,
        site_channel_id=(
            before.site_channel_id if site_channel_id is None else site_channel_id or None
        ),
    )
    store.set_numbers(tx, wanted)
    for action, was, now in (
        ("kick.chatroom", before.chatroom_id, wanted.chatroom_id),
        ("kick.site_channel", before.site_channel_id, wanted.site_channel_id),
    ):
        if was != now:
            guilds.post_audit(tx, guild_id, actor, action, before=was, after=now)
    return wanted


def _require_right(
    tx: Connection,
    before: KnownChannel,
    chatroom_id: int,
    site_channel_id: int | None,
    found: SiteChannel | None,
) -> None:
    """A number that works is not replaced by one that is wrong, or that nobody can check."""
    right = found.chatroom_id if found is not None else _told_by_site(tx, before)
    if right is not None and right != chatroom_id:
        raise Refusal(
            _("{id} is not your channel's chatroom.").format(id=chatroom_id),
            _("Kick's website says it is {right}: `/set_chatroom {right}`.").format(right=right),
        )
    if found is not None and site_channel_id and site_channel_id != found.channel_id:
        raise Refusal(
            _("{id} is not your channel's number on Kick's website.").format(id=site_channel_id),
            _("Kick's website says it is {right}.").format(right=found.channel_id),
        )
    if right is None and before.confirmed_at is not None and before.chatroom_id != chatroom_id:
        raise Refusal(
            _("Chatroom {id} works: its feed has shown your chat.").format(id=before.chatroom_id),
            _(
                "Kick's website does not answer, so another id cannot be checked. To replace it "
                "anyway, run `/set_chatroom 0` first."
            ),
        )


def _told_by_site(tx: Connection, known: KnownChannel) -> int | None:
    """What Kick's website once told any server that follows the channel. It never changes."""
    return next(
        (
            each.chatroom_id
            for each in store.list_known_channels(tx)
            if each.broadcaster_user_id == known.broadcaster_user_id
            and each.chatroom_from == "site"
        ),
        None,
    )


def connect_account(tx: Connection, account: Account) -> None:
    """The streamer said yes."""
    store.set_account(tx, account)
    guilds.set_contact(tx, account.guild_id, account.connected_by)
    guilds.post_audit(
        tx, account.guild_id, account.connected_by, "kick.connect", target=account.name
    )
    outbox.post_to_user(
        tx,
        account.guild_id,
        account.connected_by,
        "kick.connected",
        f"kick.connected:{_once(account)}",
        _about(tx, account),
    )


def need_reconnect(tx: Connection, account: Account) -> bool:
    """Kick has ended the grant. The server's admins are told once; False when it is known or
    another account is connected by now."""
    if not store.set_reconnect(tx, account):
        return False
    key = f"kick.reconnect:{_once(account)}"
    tell_admins(tx, account.guild_id, "kick.reconnect", key, _about(tx, account))
    return True


def disconnect_account(tx: Connection, guild_id: int, actor: int) -> Account | None:
    """Forget the account; what is returned is for telling Kick."""
    account = store.find_account(tx, guild_id)
    if account is None or not store.end_account(tx, guild_id):
        return None
    guilds.post_audit(tx, guild_id, actor, "kick.disconnect", target=account.name)
    return account


def _once(account: Account) -> str:
    """Another one each time that an account is connected."""
    return f"{account.kick_user_id}:{account.connected_at.isoformat()}"


def _about(tx: Connection, account: Account) -> dict[str, Any]:
    server = guilds.list_names(tx).get(account.guild_id, "")
    return {"account": account.name, "server": server, "scopes": list(account.scopes)}
