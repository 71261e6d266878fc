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
ATTACHMENT_LIMIT = 10 * 2**20
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
    one = Interaction(
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
    discord.interactions[one.id] = one
    event = _payload(discord, one, channel, message)
    discord.gateway.dispatch("INTERACTION_CREATE", event, channel.guild_id)
    return one


def _payload(
    discord: FakeDiscord, one: Interaction, channel: Channel, message: Message | None
) -> Json:
    granted = discord.permissions_in(channel, one.user_id)
    payload: Json = {
        "id": str(one.id),
        "application_id": str(discord.bot.id),
        "type": one.kind,
        "token": one.token,
        "version": 1,
        "data": one.data,
        "channel_id": str(channel.id),
        "channel": payloads.interaction_channel(discord, channel, granted),
        "app_permissions": str(discord.permissions_in(channel, discord.bot.id)),
        "locale": "en-US",
        "entitlements": [],
        "entitlement_sku_ids": [],
        "authorizing_integration_owners": {"0": str(one.guild_id or 0)},
        "context": 0 if one.guild_id is not None else 1,
        "attachment_size_limit": ATTACHMENT_LIMIT,
    }
    if message is not None:
        payload["message"] = message_payloads.message(discord, message)
    if one.guild_id is None:
        return payload | {"user": payloads.user(discord.user(one.user_id))}
    member = payloads.member(discord, discord.member(one.guild_id, one.user_id))
    return payload | {
        "guild_id": str(one.guild_id),
        "guild": {"id": str(one.guild_id), "locale": "en-US", "features": []},
        "guild_locale": "en-US",
        "member": member | {"permissions": str(granted)},
    }


# -- the bot's first answer ----------------------------------------------------------------------


def find(discord: FakeDiscord, interaction_id: int, token: str) -> Interaction:
    """For a callback: 10062 if unknown or too late, 40060 if already answered."""
    one = discord.interactions.get(interaction_id)
    if one is None or one.token != token:
        raise unknown("interaction")
    if one.answer is not None:
        raise ApiError(400, 40060, "Interaction has already been acknowledged.")
    deadline = discord.faults.number("discord.interactions.deadline_ms") / 1000
    if time.monotonic() - one.created > deadline:
        raise unknown("interaction")
    return one


def answer(discord: FakeDiscord, one: Interaction, body: Json, files: tuple[Upload, ...]) -> Json:
    """Carry out a callback; returns the body for `with_response=1`."""
    kind, data = body.get("type"), body.get("data") or {}
    _check_kind(one, kind)
    message: Message | None = None
    if kind == Callback.MESSAGE:
        message = _first_message(discord, one, _read(data, files))
    elif kind == Callback.DEFERRED_MESSAGE:
        message = _loading_message(discord, one, int(data.get("flags") or 0))
    elif kind in _ON_MESSAGE:
        message = _update_source(discord, one, kind, data, files)
    elif kind == Callback.MODAL:
        one.modal = _modal(data)
    elif kind == Callback.AUTOCOMPLETE:
        one.choices = list(data.get("choices") or [])[:MAX_CHOICES]
    one.answer = int(kind or 0)
    if kind not in (Callback.DEFERRED_MESSAGE, Callback.DEFERRED_UPDATE):
        one.settled.set()
    discord.changes.publish("discord.interaction", interaction_id=str(one.id), answer=one.answer)
    return _callback_response(discord, one, message)


def _check_kind(one: Interaction, kind: Any) -> None:
    allowed = _ALLOWED[one.kind]
    if one.kind == InteractionType.MODAL and one.message_id is not None:
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
    discord: FakeDiscord, one: Interaction, draft: Draft, more_flags: int = 0
) -> Message:
    message = _compose(discord, one, draft)
    message.flags |= more_flags
    message.kind = MessageType.CHAT_INPUT_COMMAND
    if one.kind != InteractionType.COMMAND:
        message.kind = MessageType.REPLY if one.message_id is not None else MessageType.DEFAULT
    if message.kind == MessageType.REPLY and one.message_id is not None:
        channel = discord.channel(one.channel_id)
        message.reference = messages.reference_to(channel, one.message_id)
    one.original_id = message.id
    messages.add(discord, message)
    return message


def _compose(discord: FakeDiscord, one: Interaction, draft: Draft) -> Message:
    """A message of the application; an ephemeral one is seen by one person."""
    channel = discord.channel(one.channel_id)
    message = messages.compose(discord, channel, discord.bot.id, draft)
    message.webhook_id = discord.bot.id
    message.interaction_id = one.id
    if draft.flags & EPHEMERAL:
        _hide(message, one)
    return message


def _hide(message: Message, one: Interaction) -> None:
    message.flags |= EPHEMERAL
    message.ephemeral_for = one.user_id


def _loading_message(discord: FakeDiscord, one: Interaction, flags: int) -> Message:
    """ "The bot is thinking...", replaced by an edit or the first followup."""
    return _first_message(discord, one, Draft(flags=flags & EPHEMERAL), LOADING)


def _update_source(
    discord: FakeDiscord, one: Interaction, kind: Any, data: Json, files: tuple[Upload, ...]
) -> Message | None:
    """The message whose component was used becomes `@original`; type 7 edits it."""
    source = discord.channel(one.channel_id).messages.get(one.message_id or 0)
    if source is None:
        raise unknown("Message")
    one.original_id = source.id
    if kind == Callback.UPDATE_MESSAGE:
        messages.edit(discord, source, drafts.read(data, files, flags=source.flags))
    return source


def _callback_response(discord: FakeDiscord, one: Interaction, message: Message | None) -> Json:
    interaction: Json = {"id": str(one.id), "type": one.kind}
    if message is not None:
        interaction |= {
            "response_message_id": str(message.id),
            "response_message_loading": bool(message.flags & LOADING),
            "response_message_ephemeral": bool(message.flags & EPHEMERAL),
        }
    resource: Json = {"type": one.answer}
    if message is not None and one.answer in (Callback.MESSAGE, Callback.UPDATE_MESSAGE):
        resource["message"] = message_payloads.message(discord, message)
    return {"interaction": interaction, "resource": resource}


# -- what follows, within 15 minutes -------------------------------------------------------------


def by_token(discord: FakeDiscord, token: str) -> Interaction:
    """For followups: 10015 for an unknown token, 50027 for one older than 15 minutes."""
    one = next((i for i in reversed(discord.interactions.values()) if i.token == token), None)
    if one is None or one.answer is None:
        raise unknown("Webhook")
    if time.monotonic() - one.created > TOKEN_SECONDS:
        raise ApiError(401, 50027, "Invalid Webhook Token")
    return one


def original(discord: FakeDiscord, one: Interaction) -> Message:
    channel = discord.channel(one.channel_id)
    if one.original_id not in channel.messages:
        raise unknown("Message")
    return channel.messages[one.original_id]


def follow_up(discord: FakeDiscord, one: Interaction, draft: Draft) -> Message:
    """A further message; after a deferral the first one replaces the loading message."""
    drafts.refuse_empty(draft)
    loading = discord.channel(one.channel_id).messages.get(one.original_id or 0)
    if loading is not None and loading.flags & LOADING:
        edit(discord, one, loading, draft)
        return loading
    message = _compose(discord, one, draft)
    message.kind = MessageType.REPLY if one.original_id is not None else MessageType.DEFAULT
    if one.original_id is not None:
        channel = discord.channel(one.channel_id)
        message.reference = messages.reference_to(channel, one.original_id)
    one.followup_ids.append(message.id)
    messages.add(discord, message)
    _settle(discord, one)
    return message


def edit(discord: FakeDiscord, one: Interaction, message: Message, draft: Draft) -> None:
    """Edit the original response or a followup; this also answers a loading message."""
    was_loading = bool(message.flags & LOADING)
    message.flags &= ~LOADING
    messages.edit(discord, message, draft, mark=not was_loading)
    _settle(discord, one)


def _settle(discord: FakeDiscord, one: Interaction) -> None:
    one.settled.set()
    discord.changes.publish("discord.interaction", interaction_id=str(one.id), answer=one.answer)
