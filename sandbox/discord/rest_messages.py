"""REST: messages and reactions."""

from __future__ import annotations

from sandbox.discord import drafts, message_payloads, messages, payloads, reactions
from sandbox.discord.errors import ApiError, invalid_form
from sandbox.discord.models import Message
from sandbox.discord.permissions import Permission
from sandbox.discord.rest import Call, Endpoint, Reply, snowflake


def create(call: Call) -> Reply:
    draft = drafts.read(call.body, call.files)
    sent = messages.post(call.discord, call.channel(), call.discord.bot.id, draft)
    return message_payloads.message(call.discord, sent)


def get(call: Call) -> Reply:
    _require_history(call)
    return message_payloads.message(call.discord, call.message())


def history(call: Call) -> Reply:
    """At most `limit` messages, newest first, `before`, `after` or `around` an id."""
    limit = call.int_query("limit", 50, 1, 100)
    _require_history(call)
    found = call.channel().public_messages()
    return [message_payloads.message(call.discord, m) for m in _page(call, found, limit)]


def _page(call: Call, found: list[Message], limit: int) -> list[Message]:
    """`found` comes oldest first; the page goes newest first."""
    if "around" in call.query:
        middle = snowflake(call.query["around"], "around")
        before = [m for m in found if m.id < middle]
        return (before[-(limit // 2) :] + [m for m in found if m.id >= middle])[:limit][::-1]
    if "after" in call.query:
        after = snowflake(call.query["after"], "after")
        return [m for m in found if m.id > after][:limit][::-1]
    if "before" in call.query:
        before_id = snowflake(call.query["before"], "before")
        found = [m for m in found if m.id < before_id]
    return found[-limit:][::-1]


def edit(call: Call) -> Reply:
    message = call.message()
    if message.author_id != call.discord.bot.id or message.sent_as is not None:
        raise ApiError(403, 50005, "Cannot edit a message authored by another user")
    draft = drafts.read(call.body, call.files, flags=message.flags)
    messages.edit(call.discord, message, draft)
    return message_payloads.message(call.discord, message)


def delete(call: Call) -> None:
    message = call.message()
    messages.require_deletable(call.discord, message, call.discord.bot.id)
    messages.delete(call.discord, message)


def bulk_delete(call: Call) -> None:
    channel = call.channel()
    call.require(channel, Permission.MANAGE_MESSAGES)
    ids = [snowflake(message_id, "messages") for message_id in call.body.get("messages") or []]
    if not 2 <= len(ids) <= 100:
        text = "Must be between 2 and 100 in length."
        raise invalid_form(["messages"], "BASE_TYPE_BAD_LENGTH", text)
    messages.bulk_delete(call.discord, channel, ids)


def _require_history(call: Call) -> None:
    call.require(call.channel(), Permission.READ_MESSAGE_HISTORY)


# -- reactions -----------------------------------------------------------------------------------


def add_reaction(call: Call) -> None:
    reactions.add(call.discord, call.message(), call.discord.bot.id, call.params["emoji"])


def remove_own_reaction(call: Call) -> None:
    reactions.remove(call.discord, call.message(), call.discord.bot.id, call.params["emoji"])


def remove_reaction(call: Call) -> None:
    _require_managing(call)
    reactions.remove(call.discord, call.message(), call.id("user_id"), call.params["emoji"])


def list_reactors(call: Call) -> Reply:
    limit = call.int_query("limit", 25, 1, 100)
    after = snowflake(call.query.get("after") or "0", "after")
    reaction = reactions.find(call.discord, call.message(), call.params["emoji"])
    later = sorted(user_id for user_id in reaction.user_ids if user_id > after)
    return [payloads.user(call.discord.user(user_id)) for user_id in later[:limit]]


def clear_reactions(call: Call) -> None:
    _require_managing(call)
    reactions.clear(call.discord, call.message())


def clear_emoji(call: Call) -> None:
    _require_managing(call)
    reactions.clear_emoji(call.discord, call.message(), call.params["emoji"])


def _require_managing(call: Call) -> None:
    call.require(call.channel(), Permission.MANAGE_MESSAGES)


_MESSAGES = "/channels/{channel_id}/messages"
_MESSAGE = _MESSAGES + "/{message_id}"
_REACTION = _MESSAGE + "/reactions/{emoji}"

ENDPOINTS = (
    Endpoint("POST", _MESSAGES, create),
    Endpoint("GET", _MESSAGES, history),
    Endpoint("POST", _MESSAGES + "/bulk-delete", bulk_delete),
    Endpoint("GET", _MESSAGE, get),
    Endpoint("PATCH", _MESSAGE, edit),
    Endpoint("DELETE", _MESSAGE, delete),
    Endpoint("DELETE", _MESSAGE + "/reactions", clear_reactions),
    Endpoint("PUT", _REACTION + "/@me", add_reaction),
    Endpoint("DELETE", _REACTION + "/@me", remove_own_reaction),
    Endpoint("DELETE", _REACTION + "/{user_id}", remove_reaction),
    Endpoint("GET", _REACTION, list_reactors),
    Endpoint("DELETE", _REACTION, clear_emoji),
)
