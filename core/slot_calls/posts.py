"""The post of each request in Discord."""

from typing import Any

from core.games import actions as games
from core.kit.database.work import Work
from core.outbox import actions as outbox
from core.people.names import public_name
from core.slot_calls.records import SlotCall


def edit_post(work: Work, call: SlotCall, key: str) -> None:
    """Edit the request's post to its current state; `key` is the key of the edit."""
    for channel_id, posted in (
        (call.channel_id, post_key(call)),
        (call.picked_in, picked_key(call)),
    ):
        if channel_id:
            post = describe(call, public_name(work, call.viewer_id), suggests_banned(work, call))
            outbox.post_edit(work, channel_id, posted, "slot_calls.post", f"{key}:{posted}", post)


def post_key(call: SlotCall) -> str:
    """The outbox key of its post."""
    return f"slot_calls.post:{call.number}"


def picked_key(call: SlotCall) -> str:
    """The outbox key of the post that announces it as next."""
    return f"slot_calls.picked:{call.number}"


def suggests_banned(work: Work, call: SlotCall) -> bool:
    """Whether the similar game is banned."""
    return bool(call.suggestion) and games.find_game(work, call.suggestion).banned


def describe(call: SlotCall, viewer: str, is_banned: bool = False) -> dict[str, Any]:
    """The payload of the post; `is_banned`: the similar game is banned."""
    return {
        "number": call.number,
        "slot": call.slot,
        "viewer": viewer,
        "platform": call.platform,
        "called_at": call.called_at.isoformat(),
        "state": call.state,
        "is_picked": call.picked_at is not None,
        "closed_by": call.closed_by,
        "provider": call.provider,
        "suggestion": call.suggestion,
        "suggestion_is_banned": is_banned,
        "bet": None if call.bet is None else str(call.bet),
        "win": None if call.win is None else str(call.win),
    }
