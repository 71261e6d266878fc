"""A message as JSON, for REST and for the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.discord import payloads
from sandbox.discord.errors import Json
from sandbox.discord.ids import iso
from sandbox.discord.models import Interaction, InteractionType, Message, Reaction

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord


def message(discord: FakeDiscord, one: Message) -> Json:
    """The message as REST shows it to the bot: `me` in reactions is the bot."""
    payload = _core(discord, one)
    if one.reactions:
        payload["reactions"] = [_reaction(discord, r) for r in one.reactions.values()]
    if one.nonce is not None:
        payload["nonce"] = one.nonce
    if one.webhook_id is not None:
        payload["webhook_id"] = str(one.webhook_id)
    if one.reference is not None:
        payload["message_reference"] = one.reference
        payload["referenced_message"] = _referenced(discord, one.reference)
    if one.interaction_id is not None:
        payload |= _interaction_keys(discord, discord.interactions[one.interaction_id])
    return payload


def gateway_message(discord: FakeDiscord, one: Message) -> Json:
    """For events: with the guild's id and the author's member, except for ephemeral messages
    (https://github.com/discord/discord-api-docs/issues/4557)."""
    payload = message(discord, one)
    guild_id = discord.channel(one.channel_id).guild_id
    if guild_id is None or one.ephemeral_for is not None:
        return payload
    members = discord.guild(guild_id).members
    payload["guild_id"] = str(guild_id)
    if one.author_id in members and one.sent_as is None:
        payload["member"] = payloads.partial_member(members[one.author_id])
    for mention in payload["mentions"]:
        if int(mention["id"]) in members:
            mention["member"] = payloads.partial_member(members[int(mention["id"])])
    return payload


def _core(discord: FakeDiscord, one: Message) -> Json:
    return {
        "id": str(one.id),
        "type": one.kind,
        "channel_id": str(one.channel_id),
        "author": one.sent_as or payloads.user(discord.user(one.author_id)),
        "content": one.content,
        "timestamp": iso(one.at),
        "edited_timestamp": iso(one.edited_at),
        "tts": one.tts,
        "mention_everyone": one.mentions.everyone,
        "mentions": [payloads.user(discord.user(u)) for u in one.mentions.users],
        "mention_roles": [str(r) for r in one.mentions.roles],
        "attachments": [payloads.attachment(discord, one.channel_id, a) for a in one.attachments],
        "embeds": one.embeds,
        "components": one.components,
        "pinned": one.pinned_at is not None,
        "flags": one.flags,
    }


def _reaction(discord: FakeDiscord, one: Reaction) -> Json:
    return {
        "emoji": one.emoji,
        "count": len(one.user_ids),
        "count_details": {"burst": 0, "normal": len(one.user_ids)},
        "burst_colors": [],
        "me": discord.bot.id in one.user_ids,
        "me_burst": False,
        "burst_me": False,
        "burst_count": 0,
    }


def _referenced(discord: FakeDiscord, reference: Json) -> Json | None:
    """The replied-to message without its own reference; None after its deletion."""
    original = discord.channel(int(reference["channel_id"])).messages.get(
        int(reference["message_id"])
    )
    return None if original is None else _core(discord, original)


def _interaction_keys(discord: FakeDiscord, one: Interaction) -> Json:
    keys: Json = {
        "application_id": str(discord.bot.id),
        "interaction_metadata": interaction_metadata(discord, one),
    }
    if one.kind == InteractionType.COMMAND:
        keys["interaction"] = {
            "id": str(one.id),
            "type": one.kind,
            "name": one.command_name,
            "user": payloads.user(discord.user(one.user_id)),
        }
    return keys


def interaction_metadata(discord: FakeDiscord, one: Interaction) -> Json:
    metadata: Json = {
        "id": str(one.id),
        "type": one.kind,
        "user": payloads.user(discord.user(one.user_id)),
        "authorizing_integration_owners": {"0": str(one.guild_id or 0)},
    }
    if one.kind == InteractionType.COMMAND:
        metadata["name"] = one.command_name
    elif one.kind == InteractionType.COMPONENT:
        metadata["interacted_message_id"] = str(one.message_id)
    elif one.parent_id is not None:
        parent = discord.interactions[one.parent_id]
        metadata["triggering_interaction_metadata"] = interaction_metadata(discord, parent)
    return metadata
