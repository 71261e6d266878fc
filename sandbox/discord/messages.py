"""Sending, editing, deleting and pinning messages, for the bot and for people."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.discord import message_payloads
from sandbox.discord.drafts import Draft, Upload, refuse_empty
from sandbox.discord.errors import (
    ApiError,
    Json,
    closed_dm,
    invalid_form,
    missing_permissions,
    no_mutual_guild,
)
from sandbox.discord.ids import iso, utc_now
from sandbox.discord.models import (
    COMPONENTS_V2,
    Attachment,
    Channel,
    Guild,
    Mentions,
    Message,
    MessageType,
)
from sandbox.discord.permissions import Permission

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

NONCE_WINDOW = timedelta(minutes=5)
KEPT_PER_CHANNEL = 5_000
KEPT_NONCES = 5_000
MAX_PINS = 250
SUPPRESS_EMBEDS = 1 << 2
SUPPRESS_NOTIFICATIONS = 1 << 12
_SENDABLE_FLAGS = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
_ATTACHMENT_SCHEME = "attachment://"
_USER = re.compile(r"<@!?(\d{15,20})>")
_ROLE = re.compile(r"<@&(\d{15,20})>")
_EVERYONE = re.compile(r"@(everyone|here)\b")


def post(discord: FakeDiscord, channel: Channel, author_id: int, draft: Draft) -> Message:
    """Send a message with all of Discord's checks (50001, 50013, 50006, 50007, 50035). With
    `enforce_nonce`, a nonce that the author used here in the last minutes returns that message."""
    _require_sending(discord, channel, author_id, draft)
    refuse_empty(draft)
    if (sent := _sent_before(discord, channel, author_id, draft)) is not None:
        return sent
    reference = _reply(channel, draft)
    if reference is not None:
        discord.require(channel, author_id, Permission.READ_MESSAGE_HISTORY)
    message = compose(discord, channel, author_id, draft)
    if reference is not None:
        message.kind, message.reference = MessageType.REPLY, reference
        _mention_replied(channel, message, draft)
    if draft.nonce is not None:
        _remember_nonce(discord, message)
    add(discord, message)
    return message


def compose(discord: FakeDiscord, channel: Channel, author_id: int, draft: Draft) -> Message:
    """The message of a draft, not yet in its channel."""
    message = Message(
        id=discord.ids.next(),
        channel_id=channel.id,
        author_id=author_id,
        content=draft.content,
        at=utc_now(),
        flags=draft.flags & _SENDABLE_FLAGS,
        tts=draft.tts,
        nonce=draft.nonce,
    )
    _fill(discord, channel, message, draft)
    return message


def add(discord: FakeDiscord, message: Message) -> None:
    """Add it to its channel and dispatch MESSAGE_CREATE."""
    channel = discord.channel(message.channel_id)
    channel.messages[message.id] = message
    if message.ephemeral_for is None:
        channel.last_message_id = message.id
    if len(channel.messages) > KEPT_PER_CHANNEL:
        del channel.messages[next(iter(channel.messages))]
    _dispatch(discord, "MESSAGE_CREATE", channel, message)


def edit(discord: FakeDiscord, message: Message, draft: Draft, *, mark: bool = True) -> None:
    """Change what the draft contains; `mark` shows the message as edited. Empty messages are
    refused."""
    channel = discord.channel(message.channel_id)
    if "content" in draft.given:
        message.content = draft.content
    if "flags" in draft.given:
        message.flags = (message.flags & ~SUPPRESS_EMBEDS) | (draft.flags & _SENDABLE_FLAGS)
    _fill(discord, channel, message, draft)
    if not (message.content or message.embeds or message.components or message.attachments):
        raise ApiError(400, 50006, "Cannot send an empty message")
    if mark:
        message.edited_at = utc_now()
    dispatch_update(discord, message)


def delete(discord: FakeDiscord, message: Message) -> None:
    channel = discord.channel(message.channel_id)
    del channel.messages[message.id]
    gone = _deletion(channel, message) | {"id": str(message.id)}
    _dispatch_event(discord, "MESSAGE_DELETE", gone, channel, message)


def bulk_delete(discord: FakeDiscord, channel: Channel, message_ids: Iterable[int]) -> None:
    """Delete those that exist, with one event; 50034 for messages older than two weeks."""
    found = [
        channel.messages[message_id] for message_id in message_ids if message_id in channel.messages
    ]
    if any(utc_now() - message.at > timedelta(days=14) for message in found):
        text = "You can only bulk delete messages that are under 14 days old."
        raise ApiError(400, 50034, text)
    if not found:
        return
    for message in found:
        del channel.messages[message.id]
    gone = _deletion(channel, found[0]) | {"ids": [str(m.id) for m in found]}
    _dispatch_event(discord, "MESSAGE_DELETE_BULK", gone, channel, found[0])


def dispatch_update(discord: FakeDiscord, message: Message) -> None:
    _dispatch(discord, "MESSAGE_UPDATE", discord.channel(message.channel_id), message)


# -- before sending ------------------------------------------------------------------------------


def _require_sending(discord: FakeDiscord, channel: Channel, author_id: int, draft: Draft) -> None:
    discord.require(channel, author_id, Permission.SEND_MESSAGES)
    if draft.embeds:
        discord.require(channel, author_id, Permission.EMBED_LINKS)
    if draft.files:
        discord.require(channel, author_id, Permission.ATTACH_FILES)
    if channel.recipient_id is not None and author_id == discord.bot.id:
        _require_open_dm(discord, channel.recipient_id)


def _require_open_dm(discord: FakeDiscord, user_id: int) -> None:
    if not any(user_id in guild.members for guild in discord.bot_guilds()):
        raise no_mutual_guild()
    if not discord.dms_open(user_id):
        raise closed_dm()


def _sent_before(
    discord: FakeDiscord, channel: Channel, author_id: int, draft: Draft
) -> Message | None:
    if draft.nonce is None or not draft.enforce_nonce:
        return None
    sent = discord.nonces.get((channel.id, author_id, str(draft.nonce)))
    return sent if sent is not None and utc_now() - sent.at < NONCE_WINDOW else None


def _remember_nonce(discord: FakeDiscord, message: Message) -> None:
    key = (message.channel_id, message.author_id, str(message.nonce))
    discord.nonces[key] = message
    if len(discord.nonces) > KEPT_NONCES:
        del discord.nonces[next(iter(discord.nonces))]


def _reply(channel: Channel, draft: Draft) -> Json | None:
    """The reference of a reply; an unknown message is an error unless `fail_if_not_exists` is
    off."""
    if draft.reference is None:
        return None
    message_id = int(draft.reference.get("message_id") or 0)
    known = channel.messages.get(message_id)
    if known is None or known.ephemeral_for is not None:
        if draft.reference.get("fail_if_not_exists", True):
            raise invalid_form(["message_reference"], "REPLIES_UNKNOWN_MESSAGE", "Unknown message")
        return None
    return reference_to(channel, message_id)


def reference_to(channel: Channel, message_id: int) -> Json:
    reference: Json = {"type": 0, "message_id": str(message_id), "channel_id": str(channel.id)}
    if channel.guild_id is not None:
        reference["guild_id"] = str(channel.guild_id)
    return reference


def _mention_replied(channel: Channel, message: Message, draft: Draft) -> None:
    """A reply pings its author unless allowed_mentions come without `replied_user`."""
    if draft.allowed_mentions is not None and not draft.allowed_mentions.get("replied_user"):
        return
    assert message.reference is not None
    replied = channel.messages[int(message.reference["message_id"])]
    if replied.author_id not in message.mentions.users and replied.sent_as is None:
        message.mentions.users.append(replied.author_id)


# -- filling in ----------------------------------------------------------------------------------


def _fill(discord: FakeDiscord, channel: Channel, message: Message, draft: Draft) -> None:
    if "content" in draft.given or "allowed_mentions" in draft.given:
        _mention(discord, channel, message, draft)
    if "embeds" in draft.given:
        message.embeds = draft.embeds
    if "components" in draft.given:
        message.components = draft.components
    if draft.attachments is not None:
        kept = {int(attachment["id"]) for attachment in draft.attachments}
        message.attachments = [
            attachment for attachment in message.attachments if attachment.id in kept
        ]
    _attach(discord, message, draft)


def _mention(discord: FakeDiscord, channel: Channel, message: Message, draft: Draft) -> None:
    guild = None if channel.guild_id is None else discord.guild(channel.guild_id)
    granted = discord.permissions_in(channel, message.author_id)
    found = _effective_mentions(
        message.content,
        draft.allowed_mentions,
        guild,
        may_everyone=bool(granted & Permission.MENTION_EVERYONE),
    )
    found.users = [user_id for user_id in found.users if user_id in discord.users]
    message.mentions = found


# https://discord.com/developers/docs/resources/message#allowed-mentions-object
def _effective_mentions(
    content: str, allowed: Json | None, guild: Guild | None, *, may_everyone: bool
) -> Mentions:
    """The mentions that take effect; `allowed` None allows what the author may do."""
    rules: Json = {"parse": ["users", "roles", "everyone"]} if allowed is None else allowed
    parse = rules.get("parse") or []
    mentions = Mentions()
    mentions.users = _permitted(
        _mentioned_ids(_USER, content), "users" in parse, rules.get("users")
    )
    if guild is None:
        return mentions
    roles = _permitted(_mentioned_ids(_ROLE, content), "roles" in parse, rules.get("roles"))
    mentions.roles = [
        role_id
        for role_id in roles
        if role_id in guild.roles and (may_everyone or guild.roles[role_id].mentionable)
    ]
    wanted = "everyone" in parse and bool(_EVERYONE.search(content))
    mentions.everyone = wanted and may_everyone
    return mentions


def _mentioned_ids(pattern: re.Pattern[str], content: str) -> list[int]:
    """Each id once, in the order of the text."""
    return list(dict.fromkeys(int(found_id) for found_id in pattern.findall(content)))


def _permitted(ids: list[int], all_allowed: bool, listed: list[int | str] | None) -> list[int]:
    if all_allowed:
        return ids
    listed_ids = {int(listed_id) for listed_id in listed or []}
    return [id_ for id_ in ids if id_ in listed_ids]


def _attach(discord: FakeDiscord, message: Message, draft: Draft) -> None:
    """Store the files; those shown in an embed are not listed as attachments."""
    described = {
        int(attachment["id"]): attachment.get("description")
        for attachment in draft.attachments or []
    }
    urls: dict[str, str] = {}
    for upload in draft.files:
        attachment = _stored(discord, upload, described.get(upload.number))
        path = f"attachments/{message.channel_id}/{attachment.id}/{attachment.filename}"
        urls[_ATTACHMENT_SCHEME + attachment.filename] = f"{discord.cdn_url}/{path}"
        message.attachments.append(attachment)
    shown = _attachment_links(message.embeds)
    message.embeds = _with_links(message.embeds, urls)
    message.components = _with_links(message.components, urls)
    message.attachments = [
        attachment
        for attachment in message.attachments
        if _ATTACHMENT_SCHEME + attachment.filename not in shown
    ]


def _stored(discord: FakeDiscord, upload: Upload, description: str | None) -> Attachment:
    attachment = Attachment(
        discord.ids.next(), upload.filename, upload.content_type, upload.data, description
    )
    discord.attachments[attachment.id] = attachment
    return attachment


def _attachment_links(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value} if value.startswith(_ATTACHMENT_SCHEME) else set()
    parts = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return set().union(*(_attachment_links(part) for part in parts))


def _with_links(value: Any, urls: dict[str, str]) -> Any:
    if isinstance(value, str):
        return urls.get(value, value)
    if isinstance(value, list):
        return [_with_links(part, urls) for part in value]
    if isinstance(value, dict):
        return {key: _with_links(part, urls) for key, part in value.items()}
    return value


# -- events -----------------------------------------------------------------------------------

_OPERATIONS = {"MESSAGE_CREATE": "create", "MESSAGE_UPDATE": "update"}


def _dispatch(discord: FakeDiscord, event: str, channel: Channel, message: Message) -> None:
    data = message_payloads.gateway_message(discord, message)
    _dispatch_event(discord, event, data, channel, message)


def _dispatch_event(
    discord: FakeDiscord, event: str, data: Json, channel: Channel, message: Message
) -> None:
    if message.ephemeral_for is not None:
        discord.gateway.dispatch(event, data, None)
    else:
        discord.dispatch_to_channel(event, data, channel)
    discord.changes.publish(
        "discord.message",
        op=_OPERATIONS.get(event, "delete"),
        channel_id=str(channel.id),
        message_id=str(message.id),
        author_id=str(message.author_id),
    )


def _deletion(channel: Channel, message: Message) -> Json:
    data: Json = {"channel_id": str(channel.id)}
    if channel.guild_id is not None and message.ephemeral_for is None:
        data["guild_id"] = str(channel.guild_id)
    return data


def require_deletable(discord: FakeDiscord, message: Message, user_id: int) -> None:
    """Own messages, or any with Manage Messages; in a DM only own ones (50003)."""
    channel = discord.channel(message.channel_id)
    discord.require(channel, user_id)
    if message.author_id == user_id:
        return
    if channel.guild_id is None:
        raise ApiError(403, 50003, "Cannot execute action on a DM channel")
    if not discord.permissions_in(channel, user_id) & Permission.MANAGE_MESSAGES:
        raise missing_permissions()


# -- pins ----------------------------------------------------------------------------------------


def pin(discord: FakeDiscord, message: Message, user_id: int) -> None:
    """Pin, and post the system message about it; a second time changes nothing."""
    channel = discord.channel(message.channel_id)
    if message.pinned_at is not None:
        return
    if len(channel.pins()) >= MAX_PINS:
        raise ApiError(400, 30003, f"Maximum number of pins reached for the channel ({MAX_PINS})")
    message.pinned_at = channel.last_pin_at = utc_now()
    _pins_changed(discord, channel, message)
    notice = Message(
        id=discord.ids.next(),
        channel_id=channel.id,
        author_id=user_id,
        content="",
        at=utc_now(),
        kind=MessageType.PINS_ADD,
        reference=reference_to(channel, message.id),
    )
    add(discord, notice)


def unpin(discord: FakeDiscord, message: Message) -> None:
    channel = discord.channel(message.channel_id)
    if message.pinned_at is None:
        return
    message.pinned_at = None
    _pins_changed(discord, channel, message)


def _pins_changed(discord: FakeDiscord, channel: Channel, message: Message) -> None:
    dispatch_update(discord, message)
    data: Json = {"channel_id": str(channel.id), "last_pin_timestamp": iso(channel.last_pin_at)}
    if channel.guild_id is not None:
        data["guild_id"] = str(channel.guild_id)
    discord.dispatch_to_channel("CHANNEL_PINS_UPDATE", data, channel)
