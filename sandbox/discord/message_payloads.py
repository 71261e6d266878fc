"""A message as JSON, for REST and for the gateway."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.discord import payloads
from sandbox.discord.errors import Json
from sandbox.discord.ids import iso
from sandbox.discord.models import Interaction, InteractionType, Message, Reaction

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord


def message(discord: FakeDiscord, message: Message) -> Json:
    """The message as REST shows it to the bot: `me` in reactions is the bot."""
    payload = _core(discord, message)
    if message.reactions:
        payload["reactions"] = [_reaction(discord, r) for r in message.reactions.values()]
    if message.nonce is not None:
        payload["nonce"] = message.nonce
    if message.webhook_id is not None:
        payload["webhook_id"] = str(message.webhook_id)
    if message.reference is not None:
        payload["message_reference"] = message.reference
        payload["referenced_message"] = _referenced(discord, message.reference)
    if message.interaction_id is not None:
        payload |= _interaction_keys(discord, discord.interactions[message.interaction_id])
    return payload


def gateway_message(discord: FakeDiscord, sent: Message) -> Json:
    """For events: with the guild's id and the author's member, except for ephemeral messages
    (https://github.com/discord/discord-api-docs/issues/4557)."""
    payload = message(discord, sent)
    guild_id = discord.channel(sent.channel_id).guild_id
    if guild_id is None or sent.ephemeral_for is not None:
        return payload
    members = discord.guild(guild_id).members
    payload["guild_id"] = str(guild_id)
    if sent.author_id in members and sent.sent_as is None:
        payload["member"] = payloads.partial_member(members[sent.author_id])
    for mention in payload["mentions"]:
        if int(mention["id"]) in members:
            mention["member"] = payloads.partial_member(members[int(mention["id"])])
    return payload


def _core(discord: FakeDiscord, message: Message) -> Json:
    return {
        "id": str(message.id),
        "type": message.kind,
        "channel_id": str(message.channel_id),
        "author": message.sent_as or payloads.user(discord.user(message.author_id)),
        "content": message.content,
        "timestamp": iso(message.at),
        "edited_timestamp": iso(message.edited_at),
        "tts": message.tts,
        "mention_everyone": message.mentions.everyone,
        "mentions": [payloads.user(discord.user(u)) for u in message.mentions.users],
        "mention_roles": [str(r) for r in message.mentions.roles],
        "attachments": [
            payloads.attachment(discord, message.channel_id, a) for a in message.attachments
        ],
        "embeds": message.embeds,
        "components": message.components,
        "pinned": message.pinned_at is not None,
        "flags": message.flags,
    }


def _reaction(discord: FakeDiscord, reaction: Reaction) -> Json:
    return {
        "emoji": reaction.emoji,
        "count": len(reaction.user_ids),
        "count_details": {"burst": 0, "normal": len(reaction.user_ids)},
        "burst_colors": [],
        "me": discord.bot.id in reaction.user_ids,
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


def _interaction_keys(discord: FakeDiscord, interaction: Interaction) -> Json:
    keys: Json = {
        "application_id": str(discord.bot.id),
        "interaction_metadata": interaction_metadata(discord, interaction),
    }
    if interaction.kind == InteractionType.COMMAND:
        keys["interaction"] = {
            "id": str(interaction.id),
            "type": interaction.kind,
            "name": interaction.command_name,
            "user": payloads.user(discord.user(interaction.user_id)),
        }
    return keys


def interaction_metadata(discord: FakeDiscord, interaction: Interaction) -> Json:
    metadata: Json = {
        "id": str(interaction.id),
        "type": interaction.kind,
        "user": payloads.user(discord.user(interaction.user_id)),
        "authorizing_integration_owners": {"0": str(interaction.guild_id or 0)},
    }
    if interaction.kind == InteractionType.COMMAND:
        metadata["name"] = interaction.command_name
    elif interaction.kind == InteractionType.COMPONENT:
        metadata["interacted_message_id"] = str(interaction.message_id)
    elif interaction.parent_id is not None:
        parent = discord.interactions[interaction.parent_id]
        metadata["triggering_interaction_metadata"] = interaction_metadata(discord, parent)
    return metadata
