"""People's actions in the Discord client, with the client's own checks."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.control import ControlError
from sandbox.discord import commands, components, interactions, options, permissions, snapshot
from sandbox.discord.errors import Json, missing_permissions
from sandbox.discord.models import Channel, Interaction, InteractionType, Message

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

ANSWER_SECONDS = 30.0
ACK_GRACE_SECONDS = 1.0


def slash(
    discord: FakeDiscord, user_id: int, channel: Channel, typed: str, given: Mapping[str, Any]
) -> Interaction:
    """Use the command `typed`, such as `slotcalls status`; 403 if Discord would not show it."""
    command, data = _command_data(discord, user_id, channel, typed, given)
    return interactions.start(
        discord, InteractionType.COMMAND, channel, user_id, data, command_name=command
    )


def autocomplete(
    discord: FakeDiscord,
    user_id: int,
    channel: Channel,
    typed: str,
    given: Mapping[str, Any],
    focused: str,
) -> Interaction:
    """Type into an option with autocomplete; required options may still be empty."""
    name, *path = typed.lstrip("/").split()
    command = commands.find_for(discord, channel, name)
    spec = next((s for p, s in commands.leaves(command) if p == " ".join([name, *path])), None)
    if spec is None:
        raise ControlError(f"no command {typed!r}", status=404)
    values: list[Json] = [
        {"type": o["type"], "name": o["name"], "value": given.get(o["name"], "")}
        | ({"focused": True} if o["name"] == focused else {})
        for o in spec.get("options") or []
        if o["name"] in given or o["name"] == focused
    ]
    for step in reversed(path):
        kind = commands.SUB_COMMAND if step == path[-1] else commands.SUB_COMMAND_GROUP
        values = [{"type": kind, "name": step, "options": values}]
    data: Json = {"id": str(command.id), "name": name, "type": command.kind, "options": values}
    return interactions.start(discord, InteractionType.AUTOCOMPLETE, channel, user_id, data)


def _command_data(
    discord: FakeDiscord, user_id: int, channel: Channel, typed: str, given: Mapping[str, Any]
) -> tuple[str, Json]:
    if not typed.strip():
        raise ControlError("no command given")
    name, *path = typed.lstrip("/").split()
    command = commands.find_for(discord, channel, name)
    _require_view(discord, channel, user_id)
    if not commands.may_use(discord, command, channel, user_id):
        raise missing_permissions()
    resolver = options.Resolver(discord, channel, user_id)
    return " ".join([name, *path]), options.command_data(command, path, given, resolver)


def click(
    discord: FakeDiscord, user_id: int, message: Message, custom_id: str, values: list[Any]
) -> Interaction:
    """Press a button, or choose `values` in a select menu."""
    channel = discord.channel(message.channel_id)
    _require_view(discord, channel, user_id)
    if message.ephemeral_for not in (None, user_id):
        raise ControlError("this message is only for somebody else", status=403)
    component = components.find(message.components, custom_id)
    if component is None:
        raise ControlError(f"the message has no component {custom_id!r}", status=404)
    if component.get("disabled"):
        raise ControlError(f"{custom_id!r} is disabled", status=409)
    data: Json = {"custom_id": custom_id, "component_type": components.BUTTON}
    data["id"] = component.get("id")
    if component["type"] in components.SELECTS:
        resolver = options.Resolver(discord, channel, user_id)
        data = options.select_data(component, values, resolver)
    return interactions.start(
        discord, InteractionType.COMPONENT, channel, user_id, data, message=message
    )


def submit_modal(
    discord: FakeDiscord, user_id: int, shown: Interaction, fields: Mapping[str, Any]
) -> Interaction:
    """Submit the modal with which the bot answered the interaction `shown`."""
    if shown.modal is None:
        raise ControlError("that interaction was not answered with a modal", status=409)
    if shown.user_id != user_id:
        raise ControlError("this modal is only for somebody else", status=403)
    if _was_sent(discord, shown):
        raise ControlError("this modal was sent and closed", status=409)
    channel = discord.channel(shown.channel_id)
    resolver = options.Resolver(discord, channel, user_id)
    data = _modal_data(shown.modal, fields, resolver)
    message = None if shown.message_id is None else channel.messages.get(shown.message_id)
    return interactions.start(
        discord,
        InteractionType.MODAL,
        channel,
        user_id,
        data,
        message=message,
        parent_id=shown.id,
    )


def _was_sent(discord: FakeDiscord, shown: Interaction) -> bool:
    """A modal closes when the bot answers; without an answer it may be sent again."""
    sent = (
        interaction
        for interaction in discord.interactions.values()
        if interaction.parent_id == shown.id
    )
    return any(row.answer is not None for row in sent)


def _modal_data(modal: Json, fields: Mapping[str, Any], resolver: options.Resolver) -> Json:
    inputs = [c for c in components.walk(modal["components"]) if c.get("custom_id")]
    if unknown := set(fields) - {text_input["custom_id"] for text_input in inputs}:
        raise ControlError(f"the modal has no field {', '.join(sorted(unknown))}", status=404)
    filled = [_filled(component, fields, resolver) for component in modal["components"]]
    data: Json = {"custom_id": modal["custom_id"], "components": filled}
    return data | {"resolved": resolver.resolved} if resolver.resolved else data


def _filled(text_input: Json, fields: Mapping[str, Any], resolver: options.Resolver) -> Json:
    """A submitted component: rows and labels keep their shape, inputs get their value."""
    kind = text_input["type"]
    shell: Json = {"type": kind, "id": text_input.get("id")}
    if kind == components.ACTION_ROW:
        inner = [_filled(child, fields, resolver) for child in text_input["components"]]
        return shell | {"components": inner}
    if kind == components.LABEL:
        return shell | {"component": _filled(text_input["component"], fields, resolver)}
    if kind in components.SELECTS:
        given = list(fields.get(text_input["custom_id"]) or [])
        minimum = (
            0
            if text_input.get("required") is False and not given
            else text_input.get("min_values", 1)
        )
        data = options.select_data(text_input | {"min_values": minimum}, given, resolver)
        return shell | {"custom_id": text_input["custom_id"], "values": data["values"]}
    if kind == components.TEXT_INPUT:
        return shell | {"custom_id": text_input["custom_id"], "value": _text(text_input, fields)}
    return shell


def _text(component: Json, fields: Mapping[str, Any]) -> str:
    value = str(fields.get(component["custom_id"], component.get("value") or ""))
    label = component.get("label") or component["custom_id"]
    if not value:
        if component.get("required", True):
            raise ControlError(f"{label!r} is required")
        return value
    minimum, maximum = component.get("min_length") or 0, component.get("max_length") or 4_000
    if not minimum <= len(value) <= maximum:
        raise ControlError(f"{label!r} must be between {minimum} and {maximum} characters long")
    return value


def _require_view(discord: FakeDiscord, channel: Channel, user_id: int) -> None:
    if not discord.permissions_in(channel, user_id) & permissions.Permission.VIEW_CHANNEL:
        raise ControlError("they cannot see this channel", status=403)


# -- what they see then --------------------------------------------------------------------------


async def wait_for_answer(
    discord: FakeDiscord, interaction: Interaction, ack_seconds: float = ACK_GRACE_SECONDS
) -> Json | None:
    """The message (with `ephemeral`) or `{"modal": ...}` that the person sees; None if the bot did
    not answer in time. Waits for Discord's deadline, then half a minute for a deferred answer, but
    `ack_seconds` after a bare acknowledgement, which needs no further answer."""
    loop = asyncio.get_running_loop()
    since, answer = loop.time(), interaction.answer
    while not interaction.settled.is_set() and loop.time() - since < _answer_timeout(
        discord, interaction, ack_seconds
    ):
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(interaction.settled.wait(), 0.05)
        if interaction.answer != answer:
            since, answer = loop.time(), interaction.answer
    return answer_view(discord, interaction)


def _answer_timeout(discord: FakeDiscord, interaction: Interaction, ack_seconds: float) -> float:
    if interaction.answer is None:
        return discord.faults.number("discord.interactions.deadline_ms") / 1000
    acknowledged = interaction.answer == interactions.Callback.DEFERRED_UPDATE
    return ack_seconds if acknowledged else ANSWER_SECONDS


def answer_view(discord: FakeDiscord, interaction: Interaction) -> Json | None:
    if interaction.answer is None:
        return None
    if interaction.modal is not None:
        return {"modal": interaction.modal, "ephemeral": True}
    if interaction.choices is not None:
        return {"choices": interaction.choices, "ephemeral": True}
    channel = discord.channel(interaction.channel_id)
    shown_id = interaction.original_id
    if interaction.answer == interactions.Callback.DEFERRED_UPDATE and interaction.followup_ids:
        shown_id = interaction.followup_ids[-1]
    message = channel.messages.get(shown_id or 0)
    if message is None:
        return None
    view = snapshot.message_view(discord, message)
    return view | {"ephemeral": message.ephemeral_for is not None}
