"""REST: interaction callbacks, their followups, and ordinary webhooks.

A followup is addressed as `/webhooks/{application id}/{interaction token}`, a webhook as
`/webhooks/{webhook id}/{webhook token}`: one family of routes serves both.
"""

from __future__ import annotations

import secrets

from sandbox.discord import drafts, interactions, message_payloads, messages, payloads
from sandbox.discord.errors import Json, unknown
from sandbox.discord.models import Interaction, Message, Webhook
from sandbox.discord.permissions import Permission
from sandbox.discord.rest import Call, Endpoint, Reply

ORIGINAL = "@original"


def callback(call: Call) -> Reply:
    interaction = interactions.find(call.discord, call.id("interaction_id"), call.params["token"])
    response = interactions.answer(call.discord, interaction, call.body, call.files)
    return response if call.query.get("with_response") in ("1", "true") else None


# -- messages of followups and webhooks ----------------------------------------------------------


def execute(call: Call) -> Reply:
    draft = drafts.read(call.body, call.files)
    interaction = _interaction(call)
    if interaction is not None:
        message = interactions.follow_up(call.discord, interaction, draft)
        return message_payloads.message(call.discord, message)
    message = _send_by_webhook(call, _webhook(call), draft)
    if call.query.get("wait") in ("1", "true"):
        return message_payloads.message(call.discord, message)
    return None


def get_message(call: Call) -> Reply:
    return message_payloads.message(call.discord, _message(call))


def edit_message(call: Call) -> Reply:
    message = _message(call)
    draft = drafts.read(call.body, call.files, flags=message.flags)
    interaction = _interaction(call)
    if interaction is None:
        messages.edit(call.discord, message, draft)
    else:
        interactions.edit(call.discord, interaction, message, draft)
    return message_payloads.message(call.discord, message)


def delete_message(call: Call) -> None:
    messages.delete(call.discord, _message(call))


def _interaction(call: Call) -> Interaction | None:
    if call.id("webhook_id") != call.discord.bot.id:
        return None
    return interactions.by_token(call.discord, call.params["token"])


def _message(call: Call) -> Message:
    """A message of this token's interaction or webhook."""
    interaction = _interaction(call)
    if interaction is None:
        hook = _webhook(call)
        message = call.discord.message(call.discord.channel(hook.channel_id), call.id("message_id"))
        if message.webhook_id != hook.id:
            raise unknown("Message")
        return message
    if call.params["message_id"] == ORIGINAL:
        return interactions.original(call.discord, interaction)
    message_id = call.id("message_id")
    if message_id not in (interaction.original_id, *interaction.followup_ids):
        raise unknown("Message")
    return call.discord.message(call.discord.channel(interaction.channel_id), message_id)


# -- webhooks ------------------------------------------------------------------------------------


def create_webhook(call: Call) -> Reply:
    channel = call.channel()
    call.require(channel, Permission.MANAGE_WEBHOOKS)
    name = str(call.body.get("name") or call.discord.bot.username)
    hook = Webhook(call.discord.ids.next(), secrets.token_urlsafe(48), channel.id, name)
    call.discord.webhooks[hook.id] = hook
    data: Json = {"guild_id": str(channel.guild_id), "channel_id": str(channel.id)}
    call.discord.dispatch_to_channel("WEBHOOKS_UPDATE", data, channel)
    return payloads.webhook(call.discord, hook)


def list_webhooks(call: Call) -> Reply:
    channel = call.channel()
    call.require(channel, Permission.MANAGE_WEBHOOKS)
    found = [w for w in call.discord.webhooks.values() if w.channel_id == channel.id]
    return [payloads.webhook(call.discord, w) for w in found]


def get_webhook(call: Call) -> Reply:
    return payloads.webhook(call.discord, _webhook(call))


def delete_webhook(call: Call) -> None:
    del call.discord.webhooks[_webhook(call).id]


def _webhook(call: Call) -> Webhook:
    hook = call.discord.webhooks.get(call.id("webhook_id"))
    if hook is None or call.params.get("token", hook.token) != hook.token:
        raise unknown("Webhook")
    return hook


def _send_by_webhook(call: Call, hook: Webhook, draft: drafts.Draft) -> Message:
    drafts.refuse_empty(draft)
    channel = call.discord.channel(hook.channel_id)
    message = messages.compose(call.discord, channel, call.discord.bot.id, draft)
    message.webhook_id = hook.id
    message.sent_as = {
        "id": str(hook.id),
        "username": draft.username or hook.name,
        "avatar": None,
        "discriminator": "0000",
        "global_name": None,
        "public_flags": 0,
        "bot": True,
    }
    messages.add(call.discord, message)
    return message


_WEBHOOK = "/webhooks/{webhook_id}/{token}"
_MESSAGE = _WEBHOOK + "/messages/{message_id}"

ENDPOINTS = (
    Endpoint("POST", "/interactions/{interaction_id}/{token}/callback", callback, open=True),
    Endpoint("POST", _WEBHOOK, execute, open=True),
    Endpoint("GET", _WEBHOOK, get_webhook, open=True),
    Endpoint("DELETE", _WEBHOOK, delete_webhook, open=True),
    Endpoint("GET", _MESSAGE, get_message, open=True),
    Endpoint("PATCH", _MESSAGE, edit_message, open=True),
    Endpoint("DELETE", _MESSAGE, delete_message, open=True),
    Endpoint("GET", "/webhooks/{webhook_id}", get_webhook),
    Endpoint("DELETE", "/webhooks/{webhook_id}", delete_webhook),
    Endpoint("GET", "/channels/{channel_id}/webhooks", list_webhooks),
    Endpoint("POST", "/channels/{channel_id}/webhooks", create_webhook),
)
