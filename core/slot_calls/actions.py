"""Moderator actions on the queue. Each action is one transaction that also queues its messages."""

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

from core.bonus_hunt import actions as hunts
from core.bonus_hunt.records import Bonus
from core.events import ExclusionChanged, StreamWentLive
from core.games import actions as games
from core.guilds.actions import audit, change_settings, load_settings
from core.guilds.channels import find_trouble
from core.guilds.records import ChannelTrouble
from core.kick.accounts.primary import find_other
from core.kit.database.records import MemberId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.amounts import parse_amount, show_amount
from core.kit.text.words import _
from core.people.exclusions import actions as exclusions
from core.people.store import list_persons
from core.slot_calls.panel import refresh_panel
from core.slot_calls.posts import edit_post
from core.slot_calls.records import SlotCall
from core.slot_calls.rules import SlotCallSettings
from core.slot_calls.store import IS_OPEN, get_call, get_names, list_open

Closed = Literal["done", "skipped"]

DIGITS = 8
"""Decimals of an amount, enough for every currency."""


def close_call(work: Work, number: int, state: Closed) -> SlotCall:
    """Mark an open call as done or skipped and update its post. Raises Refusal if there is no such
    call or it is already closed."""
    work.lock(Lock.SLOT_CALLS)
    call = _get_open(work, number)
    _close(work, call, state)
    refresh_panel(work)
    return call


def add_to_hunt(work: Work, number: int, bet: str) -> Bonus:
    """Add the game of an open call to the bonus hunt and close the call. Raises Refusal if the call
    is already closed, no hunt is in progress, or the bet is invalid."""
    work.lock(Lock.SLOT_CALLS)
    call = _get_open(work, number)
    bonus = hunts.add_bonus(work, call.slot, bet, call.viewer_id)
    _close(work, call, "hunt")
    refresh_panel(work)
    return bonus


def _get_open(work: Work, number: int) -> SlotCall:
    call = get_call(work, number)
    if call.state != "open":
        raise Refusal(_("Request #{number} is already closed.").format(number=number))
    return call


def _skip(work: Work, calls: Sequence[SlotCall]) -> None:
    for call in calls:
        _close(work, call, "skipped")
    if calls:
        refresh_panel(work)


def _close(work: Work, call: SlotCall, state: Closed | Literal["hunt"]) -> None:
    call.state, call.closed_at, call.closed_by = state, work.now, work.actor
    audit(work, f"slot_calls.{state}", f"#{call.number}")
    edit_post(work, call, f"slot_calls.closed:{call.number}")


def record_result(work: Work, number: int, bet: str, win: str) -> SlotCall:
    """Store bet and win of a request; an open request is marked as played. Raises Refusal if there
    is no such call, it was not played, or an amount is invalid."""
    work.lock(Lock.SLOT_CALLS)
    call = get_call(work, number)
    if call.state not in ("open", "done"):
        raise Refusal(_("Request #{number} hasn't been played.").format(number=number))
    stake, won = parse_amount(bet, DIGITS), parse_amount(win, DIGITS)
    if not stake:
        raise Refusal(_("Enter a bet above 0."))
    before = None if call.bet is None or call.win is None else _amounts(call.bet, call.win)
    call.bet, call.win = stake, won
    audit(work, "slot_calls.result", f"#{number}", before=before, after=_amounts(stake, won))
    if call.state == "open":
        _close(work, call, "done")
        refresh_panel(work)
    else:
        edit_post(work, call, f"slot_calls.result:{number}:{uuid4()}")
    return call


def _amounts(bet: Decimal, win: Decimal) -> str:
    return f"{show_amount(bet)} → {show_amount(win)}"


def clear_queue(work: Work) -> int:
    """Skip every open call; returns how many there were."""
    work.lock(Lock.SLOT_CALLS)
    queue = list_open(work)
    _skip(work, queue)
    return len(queue)


def block_by_name(work: Work, who: str) -> str:
    """Exclude a viewer from slot requests and skip their open ones; returns their name. Raises
    Refusal if they have never been seen in chat or are already excluded."""
    viewer = exclusions.exclude_seen(work, who, "slot_calls")
    skip_calls(work, viewer.viewer_id)
    return viewer.name


def block_caller(work: Work, number: int) -> str:
    """`block_viewer` for the viewer of a call; repeating it does nothing. Raises Refusal if there
    is no such call."""
    call = get_call(work, number)
    exclusions.exclude_viewer(work, call.viewer_id, "slot_calls")
    skip_calls(work, call.viewer_id)
    return call.viewer_name


def skip_calls(work: Work, *viewer_ids: int) -> None:
    """Skip the open calls of these viewers, from any of their accounts."""
    work.lock(Lock.SLOT_CALLS)
    theirs = list_persons(work.tx, work.guild_id, viewer_ids)
    _skip(work, [call for call in list_open(work) if call.viewer_id in theirs])


def ban_game(work: Work, number: int) -> str:
    """Ban the game of a call and skip all open calls for it; returns its title. Raises Refusal if
    there is no such call or the game is already banned."""
    title = games.ban_game(work, get_call(work, number).slot).title
    work.lock(Lock.SLOT_CALLS)
    index = games.get_index(work)
    key = index.find(title).key
    _skip(work, [call for call in list_open(work) if index.find(call.slot).key == key])
    return title


def on_exclusion_changed(work: Work, event: ExclusionChanged) -> None:
    """Skip the open calls of a viewer who may not request slots."""
    if event.excluded and event.scope in ("everything", "slot_calls"):
        work.actor = MemberId(event.changed_by)
        skip_calls(work, event.viewer_id)


def on_stream_started(work: Work, event: StreamWentLive) -> None:
    """Skip requests from before the stream, if the server has that setting on. The event can arrive
    late."""
    if not load_settings(work, SlotCallSettings).clear_at_start:
        return
    work.lock(Lock.SLOT_CALLS)
    _skip(work, [call for call in list_open(work) if call.called_at < event.started_at])


@dataclass(frozen=True, slots=True)
class Status:
    """A server's slot request settings and the size of its queue.

    Attributes:
        open: number of requests in the queue.
        blocked: number of blocked viewers.
        names: names of the chat command.
        primary: the name of another server that follows the same Kick channel and handles its chat
            commands; None if this server does.
    """

    settings: SlotCallSettings
    open: int
    blocked: int
    trouble: ChannelTrouble | None
    names: tuple[str, ...]
    primary: str | None


def get_status(work: Work) -> Status:
    """Settings and size of the queue."""
    settings = load_settings(work, SlotCallSettings)
    return Status(
        settings=settings,
        open=work.count(IS_OPEN),
        blocked=exclusions.list_excluded(work, "slot_calls").count,
        trouble=find_trouble(work, settings.channel),
        names=get_names(work),
        primary=find_other(work.tx, work.guild_id),
    )


def configure(work: Work, /, **values: Any) -> Status:
    """Change settings by field name, except those that are None. Raises Refusal if a value is out
    of range."""
    change_settings(work, SlotCallSettings, **values)
    return get_status(work)
