"""Writing, editing and deleting messages, for the bot and for people alike."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from sandbox.discord import mentions, message_payloads
from sandbox.discord.drafts import Draft, Upload, refuse_empty
from sandbox.discord.errors import (
    ApiError,
    Json,
    closed_dm,
    invalid_form,
    missing_permissions,
    no_mutual_guild,
)
from sandbox.discord.ids import utc_now
from sandbox.discord.models import COMPONENTS_V2, Attachment, Channel, Message, MessageType
from sandbox.discord.permissions import Permission

if TYPE_CHECKING:
    from sandbox.discord.world import DiscordWorld

NONCE_WINDOW = timedelta(minutes=5)
KEPT_PER_CHANNEL = 5_000
KEPT_NONCES = 5_000
SUPPRESS_EMBEDS = 1 << 2
SUPPRESS_NOTIFICATIONS = 1 << 12
_SENDABLE_FLAGS = SUPPRESS_EMBEDS | SUPPRESS_NOTIFICATIONS | COMPONENTS_V2
_ATTACHMENT_SCHEME = "attachment://"


def post(world: DiscordWorld, channel: Channel, author_id: int, draft: Draft) -> Message:
    """Send a message as a member would: permissions, nonce, reply, then everybody is told.

    With `enforce_nonce`, a nonce that the author used in this channel in the last minutes gives
    the message it made then, and nothing else happens. Errors: 50001, 50013, 50006, 50007, 50035.
    """
    _require_sending(world, channel, author_id, draft)
    refuse_empty(draft)
    if (sent := _sent_before(world, channel, author_id, draft)) is not None:
        return sent
    reference = _reply(channel, draft)
    if reference is not None:
        world.require(channel, author_id, Permission.READ_MESSAGE_HISTORY)
    message = compose(world, channel, author_id, draft)
    if reference is not None:
        message.kind, message.reference = MessageType.REPLY, reference
        _mention_replied(channel, message, draft)
    if draft.nonce is not None:
        _remember_nonce(world, message)
    add(world, message)
    return message


def compose(world: DiscordWorld, channel: Channel, author_id: int, draft: Draft) -> Message:
    """The message of a draft, not yet in its channel."""
    message = Message(
        id=world.ids.next(),
        channel_id=channel.id,
        author_id=author_id,
        content=draft.content,
        at=utc_now(),
        flags=draft.flags & _SENDABLE_FLAGS,
        tts=draft.tts,
        nonce=draft.nonce,
    )
    _fill(world, channel, message, draft)
    return message


def add(world: DiscordWorld, message: Message) -> None:
    """Put it into its channel and tell everybody."""
    channel = world.channel(message.channel_id)
    channel.messages[message.id] = message
    if message.ephemeral_for is None:
        channel.last_message_id = message.id
    if len(channel.messages) > KEPT_PER_CHANNEL:
        del channel.messages[next(iter(channel.messages))]
    _tell(world, "MESSAGE_CREATE", channel, message)


def edit(world: DiscordWorld, message: Message, draft: Draft, *, mark: bool = True) -> None:
    """Change what the draft gives; the rest stays. An edit may not leave nothing to see.

    `mark` shows it as edited.
    """
    channel = world.channel(message.channel_id)
    if "content" in draft.given:
        message.content = draft.content
    if "flags" in draft.given:
        message.flags = (message.flags & ~SUPPRESS_EMBEDS) | (draft.flags & _SENDABLE_FLAGS)
    _fill(world, channel, message, draft)
    if not (message.content or message.embeds or message.components or message.attachments):
        raise ApiError(400, 50006, "Cannot send an empty message")
    if mark:
        message.edited_at = utc_now()
    tell_update(world, message)


def delete(world: DiscordWorld, message: Message) -> None:
    channel = world.channel(message.channel_id)
    del channel.messages[message.id]
    gone = _gone(channel, message) | {"id": str(message.id)}
    _tell_raw(world, "MESSAGE_DELETE", gone, channel, message)


def bulk_delete(world: DiscordWorld, channel: Channel, message_ids: Iterable[int]) -> None:
    """Delete those that still exist, with one event. Nothing older than two weeks: 50034."""
    found = [channel.messages[one] for one in message_ids if one in channel.messages]
    if any(utc_now() - message.at > timedelta(days=14) for message in found):
        text = "You can only bulk delete messages that are under 14 days old."
        raise ApiError(400, 50034, text)
    if not found:
        return
    for message in found:
        del channel.messages[message.id]
    gone = _gone(channel, found[0]) | {"ids": [str(m.id) for m in found]}
    _tell_raw(world, "MESSAGE_DELETE_BULK", gone, channel, found[0])


def tell_update(world: DiscordWorld, message: Message) -> None:
    _tell(world, "MESSAGE_UPDATE", world.channel(message.channel_id), message)


# -- before sending ------------------------------------------------------------------------------


def _require_sending(world: DiscordWorld, channel: Channel, author_id: int, draft: Draft) -> None:
    world.require(channel, author_id, Permission.SEND_MESSAGES)
    if draft.embeds:
        world.require(channel, author_id, Permission.EMBED_LINKS)
    if draft.files:
        world.require(channel, author_id, Permission.ATTACH_FILES)
    if channel.recipient_id is not None and author_id == world.bot.id:
        _require_open_dm(world, channel.recipient_id)


def _require_open_dm(world: DiscordWorld, user_id: int) -> None:
    if not any(user_id in guild.members for guild in world.bot_guilds()):
        raise no_mutual_guild()
    if not world.dms_open(user_id):
        raise closed_dm()


def _sent_before(
    world: DiscordWorld, channel: Channel, author_id: int, draft: Draft
) -> Message | None:
    if draft.nonce is None or not draft.enforce_nonce:
        return None
    sent = world.nonces.get((channel.id, author_id, str(draft.nonce)))
    return sent if sent is not None and utc_now() - sent.at < NONCE_WINDOW else None


def _remember_nonce(world: DiscordWorld, message: Message) -> None:
    key = (message.channel_id, message.author_id, str(message.nonce))
    world.nonces[key] = message
    if len(world.nonces) > KEPT_NONCES:
        del world.nonces[next(iter(world.nonces))]


def _reply(channel: Channel, draft: Draft) -> Json | None:
    """The reference of a reply, or None; an unknown message is an error unless told otherwise."""
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
    """A reply pings its author, unless allowed_mentions are given without `replied_user`."""
    if draft.allowed_mentions is not None and not draft.allowed_mentions.get("replied_user"):
        return
    assert message.reference is not None
    replied = channel.messages[int(message.reference["message_id"])]
    if replied.author_id not in message.mentions.users and replied.sent_as is None:
        message.mentions.users.append(replied.author_id)


# -- filling in ----------------------------------------------------------------------------------


def _fill(world: DiscordWorld, channel: Channel, message: Message, draft: Draft) -> None:
    if "content" in draft.given or "allowed_mentions" in draft.given:
        _mention(world, channel, message, draft)
    if "embeds" in draft.given:
        message.embeds = draft.embeds
    if "components" in draft.given:
        message.components = draft.components
    if draft.attachments is not None:
        kept = {int(one["id"]) for one in draft.attachments}
        message.attachments = [one for one in message.attachments if one.id in kept]
    _attach(world, message, draft)


def _mention(world: DiscordWorld, channel: Channel, message: Message, draft: Draft) -> None:
    guild = None if channel.guild_id is None else world.guild(channel.guild_id)
    granted = world.permissions_in(channel, message.author_id)
    found = mentions.found_in(
        message.content,
        draft.allowed_mentions,
        guild,
        may_everyone=bool(granted & Permission.MENTION_EVERYONE),
    )
    found.users = [user_id for user_id in found.users if user_id in world.users]
    message.mentions = found


def _attach(world: DiscordWorld, message: Message, draft: Draft) -> None:
    """Store the files; those shown inside an embed are not listed as attachments."""
    described = {int(one["id"]): one.get("description") for one in draft.attachments or []}
    urls: dict[str, str] = {}
    for upload in draft.files:
        one = _stored(world, upload, described.get(upload.number))
        path = f"attachments/{message.channel_id}/{one.id}/{one.filename}"
        urls[_ATTACHMENT_SCHEME + one.filename] = f"{world.cdn_url}/{path}"
        message.attachments.append(one)
    shown = _attachment_links(message.embeds)
    message.embeds = _with_links(message.embeds, urls)
    message.components = _with_links(message.components, urls)
    message.attachments = [
        one for one in message.attachments if _ATTACHMENT_SCHEME + one.filename not in shown
    ]


def _stored(world: DiscordWorld, upload: Upload, description: str | None) -> Attachment:
    one = Attachment(
        world.ids.next(), upload.filename, upload.content_type, upload.data, description
    )
    world.attachments[one.id] = one
    return one


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


# -- telling -------------------------------------------------------------------------------------

_OPERATIONS = {"MESSAGE_CREATE": "create", "MESSAGE_UPDATE": "update"}


def _tell(world: DiscordWorld, event: str, channel: Channel, message: Message) -> None:
    data = message_payloads.gateway_message(world, message)
    _tell_raw(world, event, data, channel, message)


def _tell_raw(
    world: DiscordWorld, event: str, data: Json, channel: Channel, message: Message
) -> None:
    if message.ephemeral_for is not None:
        world.gateway.dispatch(event, data, None)
    else:
        world.tell_channel(event, data, channel)
    world.changes.publish(
        "discord.message",
        op=_OPERATIONS.get(event, "delete"),
        channel_id=str(channel.id),
        message_id=str(message.id),
        author_id=str(message.author_id),
    )


def _gone(channel: Channel, message: Message) -> Json:
    data: Json = {"channel_id": str(channel.id)}
    if channel.guild_id is not None and message.ephemeral_for is None:
        data["guild_id"] = str(channel.guild_id)
    return data


def require_deletable(world: DiscordWorld, message: Message, user_id: int) -> None:
    """One's own message, or anybody's with Manage Messages; in a DM only one's own (50003)."""
    channel = world.channel(message.channel_id)
    world.require(channel, user_id)
    if message.author_id == user_id:
        return
    if channel.guild_id is None:
        raise ApiError(403, 50003, "Cannot execute action on a DM channel")
    if not world.permissions_in(channel, user_id) & Permission.MANAGE_MESSAGES:
        raise missing_permissions()
