"""Interactions: a person uses a command, component or modal, and the bot answers.

https://discord.com/developers/docs/interactions/receiving-and-responding
"""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

from sandbox.discord import components as component_rules
from sandbox.discord import drafts, message_payloads, messages, payloads
from sandbox.discord.drafts import Draft, Upload
from sandbox.discord.errors import ApiError, FormErrors, Json, invalid_form, unknown
from sandbox.discord.models import (
    EPHEMERAL,
    LOADING,
    Channel,
    Interaction,
    InteractionType,
    Message,
    MessageType,
)

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

TOKEN_SECONDS = 15 * 60.0
MAX_ATTACHMENT_BYTES = 10 * 2**20
MAX_CHOICES = 25


class Callback:
    PONG = 1
    MESSAGE = 4
    DEFERRED_MESSAGE = 5
    DEFERRED_UPDATE = 6
    UPDATE_MESSAGE = 7
    AUTOCOMPLETE = 8
    MODAL = 9


_NEW_MESSAGE = {Callback.MESSAGE, Callback.DEFERRED_MESSAGE}
_ON_MESSAGE = {Callback.DEFERRED_UPDATE, Callback.UPDATE_MESSAGE}
_ALLOWED = {
    InteractionType.COMMAND: _NEW_MESSAGE | {Callback.MODAL},
    InteractionType.COMPONENT: _NEW_MESSAGE | _ON_MESSAGE | {Callback.MODAL},
    InteractionType.AUTOCOMPLETE: {Callback.AUTOCOMPLETE},
    InteractionType.MODAL: _NEW_MESSAGE,
}


def start(
    discord: FakeDiscord,
    kind: int,
    channel: Channel,
    user_id: int,
    data: Json,
    *,
    command_name: str | None = None,
    message: Message | None = None,
    parent_id: int | None = None,
) -> Interaction:
    """Create an interaction and dispatch INTERACTION_CREATE."""
    interaction = Interaction(
        id=discord.ids.next(),
        token=secrets.token_urlsafe(48),
        kind=kind,
        user_id=user_id,
        channel_id=channel.id,
        guild_id=channel.guild_id,
        created=time.monotonic(),
        data=data,
        command_name=command_name,
        message_id=None if message is None else message.id,
        parent_id=parent_id,
    )
    discord.interactions[interaction.id] = interaction
    event = _payload(discord, interaction, channel, message)
    discord.gateway.dispatch("INTERACTION_CREATE", event, channel.guild_id)
    return interaction


def _payload(
    discord: FakeDiscord, interaction: Interaction, channel: Channel, message: Message | None
) -> Json:
    granted = discord.permissions_in(channel, interaction.user_id)
    payload: Json = {
        "id": str(interaction.id),
        "application_id": str(discord.bot.id),
        "type": interaction.kind,
        "token": interaction.token,
        "version": 1,
        "data": interaction.data,
        "channel_id": str(channel.id),
        "channel": payloads.interaction_channel(discord, channel, granted),
        "app_permissions": str(discord.permissions_in(channel, discord.bot.id)),
        "locale": "en-US",
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": {"0": str(interaction.guild_id or 0)},
        "context": 0 if interaction.guild_id is not None else 1,
        "attachment_size_limit": MAX_ATTACHMENT_BYTES,
    }
    if message is not None:
        payload["message"] = message_payloads.message(discord, message)
    if interaction.guild_id is None:
        return payload | {"user": payloads.user(discord.user(interaction.user_id))}
    member = payloads.member(discord, discord.member(interaction.guild_id, interaction.user_id))
    return payload | {
        "guild_id": str(interaction.guild_id),
        "guild": {"id": str(interaction.guild_id), "locale": "en-US", "features": []},
        "guild_locale": "en-US",
        "member": member | {"permissions": str(granted)},
    }


# -- the bot's first answer ----------------------------------------------------------------------


def find(discord: FakeDiscord, interaction_id: int, token: str) -> Interaction:
    """For a callback: 10062 if unknown or too late, 40060 if already answered."""
    interaction = discord.interactions.get(interaction_id)
    if interaction is None or interaction.token != token:
        raise unknown("interaction")
    if interaction.answer is not None:
        raise ApiError(400, 40060, "Interaction has already been acknowledged.")
    deadline = discord.faults.number("discord.interactions.deadline_ms") / 1000
    if time.monotonic() - interaction.created > deadline:
        raise unknown("interaction")
    return interaction


def answer(
    discord: FakeDiscord, interaction: Interaction, body: Json, files: tuple[Upload, ...]
) -> Json:
    """Carry out a callback; returns the body for `with_response=1`."""
    kind, data = body.get("type"), body.get("data") or {}
    _check_kind(interaction, kind)
    message: Message | None = None
    if kind == Callback.MESSAGE:
        message = _first_message(discord, interaction, _read(data, files))
    elif kind == Callback.DEFERRED_MESSAGE:
        message = _loading_message(discord, interaction, int(data.get("flags") or 0))
    elif kind in _ON_MESSAGE:
        message = _update_source(discord, interaction, kind, data, files)
    elif kind == Callback.MODAL:
        interaction.modal = _modal(data)
    elif kind == Callback.AUTOCOMPLETE:
        interaction.choices = list(data.get("choices") or [])[:MAX_CHOICES]
    interaction.answer = int(kind or 0)
    if kind not in (Callback.DEFERRED_MESSAGE, Callback.DEFERRED_UPDATE):
        interaction.settled.set()
    discord.changes.publish(
        "discord.interaction", interaction_id=str(interaction.id), answer=interaction.answer
    )
    return _callback_response(discord, interaction, message)


def _check_kind(interaction: Interaction, kind: Any) -> None:
    allowed = _ALLOWED[interaction.kind]
    if interaction.kind == InteractionType.MODAL and interaction.message_id is not None:
        allowed = allowed | _ON_MESSAGE
    if kind not in allowed:
        listed = ", ".join(str(k) for k in sorted(allowed))
        raise invalid_form(["type"], "BASE_TYPE_CHOICES", f"Value must be one of {{{listed}}}.")


def _read(data: Json, files: tuple[Upload, ...]) -> Draft:
    draft = drafts.read(data, files)
    drafts.refuse_empty(draft)
    return draft


def _modal(data: Json) -> Json:
    errors = FormErrors()
    modal = component_rules.check_modal(data, errors)
    errors.raise_any()
    return modal


def _first_message(
    discord: FakeDiscord, interaction: Interaction, draft: Draft, more_flags: int = 0
) -> Message:
    message = _compose(discord, interaction, draft)
    message.flags |= more_flags
    message.kind = MessageType.CHAT_INPUT_COMMAND
    if interaction.kind != InteractionType.COMMAND:
        message.kind = (
            MessageType.REPLY if interaction.message_id is not None else MessageType.DEFAULT
        )
    if message.kind == MessageType.REPLY and interaction.message_id is not None:
        channel = discord.channel(interaction.channel_id)
        message.reference = messages.reference_to(channel, interaction.message_id)
    interaction.original_id = message.id
    messages.add(discord, message)
    return message


def _compose(discord: FakeDiscord, interaction: Interaction, draft: Draft) -> Message:
    """A message of the application; an ephemeral one is seen by one person."""
    channel = discord.channel(interaction.channel_id)
    message = messages.compose(discord, channel, discord.bot.id, draft)
    message.webhook_id = discord.bot.id
    message.interaction_id = interaction.id
    if draft.flags & EPHEMERAL:
        _hide(message, interaction)
    return message


def _hide(message: Message, interaction: Interaction) -> None:
    message.flags |= EPHEMERAL
    message.ephemeral_for = interaction.user_id


def _loading_message(discord: FakeDiscord, interaction: Interaction, flags: int) -> Message:
    """ "The bot is thinking...", replaced by an edit or the first followup."""
    return _first_message(discord, interaction, Draft(flags=flags & EPHEMERAL), LOADING)


def _update_source(
    discord: FakeDiscord, interaction: Interaction, kind: Any, data: Json, files: tuple[Upload, ...]
) -> Message | None:
    """The message whose component was used becomes `@original`; type 7 edits it."""
    source = discord.channel(interaction.channel_id).messages.get(interaction.message_id or 0)
    if source is None:
        raise unknown("Message")
    interaction.original_id = source.id
    if kind == Callback.UPDATE_MESSAGE:
        messages.edit(discord, source, drafts.read(data, files, flags=source.flags))
    return source


def _callback_response(
    discord: FakeDiscord, interaction: Interaction, message: Message | None
) -> Json:
    about: Json = {"id": str(interaction.id), "type": interaction.kind}
    if message is not None:
        about |= {
            "response_message_id": str(message.id),
            "response_message_loading": bool(message.flags & LOADING),
            "response_message_ephemeral": bool(message.flags & EPHEMERAL),
        }
    resource: Json = {"type": interaction.answer}
    if message is not None and interaction.answer in (Callback.MESSAGE, Callback.UPDATE_MESSAGE):
        resource["message"] = message_payloads.message(discord, message)
    return {"interaction": about, "resource": resource}


# -- what follows, within 15 minutes -------------------------------------------------------------


def by_token(discord: FakeDiscord, token: str) -> Interaction:
    """For followups: 10015 for an unknown token, 50027 for one older than 15 minutes."""
    interaction = next(
        (i for i in reversed(discord.interactions.values()) if i.token == token), None
    )
    if interaction is None or interaction.answer is None:
        raise unknown("Webhook")
    if time.monotonic() - interaction.created > TOKEN_SECONDS:
        raise ApiError(401, 50027, "Invalid Webhook Token")
    return interaction


def original(discord: FakeDiscord, interaction: Interaction) -> Message:
    channel = discord.channel(interaction.channel_id)
    if interaction.original_id not in channel.messages:
        raise unknown("Message")
    return channel.messages[interaction.original_id]


def follow_up(discord: FakeDiscord, interaction: Interaction, draft: Draft) -> Message:
    """A further message; after a deferral the first one replaces the loading message."""
    drafts.refuse_empty(draft)
    loading = discord.channel(interaction.channel_id).messages.get(interaction.original_id or 0)
    if loading is not None and loading.flags & LOADING:
        edit(discord, interaction, loading, draft)
        return loading
    message = _compose(discord, interaction, draft)
    message.kind = MessageType.REPLY if interaction.original_id is not None else MessageType.DEFAULT
    if interaction.original_id is not None:
        channel = discord.channel(interaction.channel_id)
        message.reference = messages.reference_to(channel, interaction.original_id)
    interaction.followup_ids.append(message.id)
    messages.add(discord, message)
    _settle(discord, interaction)
    return message


def edit(discord: FakeDiscord, interaction: Interaction, message: Message, draft: Draft) -> None:
    """Edit the original response or a followup; this also answers a loading message."""
    was_loading = bool(message.flags & LOADING)
    message.flags &= ~LOADING
    messages.edit(discord, message, draft, mark=not was_loading)
    _settle(discord, interaction)


def _settle(discord: FakeDiscord, interaction: Interaction) -> None:
    interaction.settled.set()
    discord.changes.publish(
        "discord.interaction", interaction_id=str(interaction.id), answer=interaction.answer
    )
