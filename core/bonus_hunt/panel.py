"""The live message of a hunt."""

from typing import Any

from sqlalchemy import select

from core.bonus_hunt.records import Bonus, Hunt
from core.bonus_hunt.rules import GUESS_NAMES
from core.bonus_hunt.store import IN_PROGRESS, View, count_guesses, get_view
from core.events import SettingChanged
from core.guilds.actions import audit
from core.guilds.chat_commands import key_of, names_of
from core.kit.database.personal import Subject
from core.kit.database.records import ChannelId
from core.kit.database.work import Lock, Work
from core.outbox import actions as outbox
from core.people.names import Names, public_names

MAX_ROWS = 15
"""Bonuses shown in the message."""


def show(work: Work, channel_id: int) -> Hunt:
    """Post the hunt's message in this channel and delete the previous one. Raises Refusal if there
    are no hunts."""
    work.lock(Lock.BONUS_HUNT)
    hunt = get_view(work).hunt
    outbox.delete_live(work, hunt, "bonus_hunt.message")
    hunt.channel_id = ChannelId(channel_id)
    audit(work, "bonus_hunt.show", hunt.label)
    post_message(work, hunt)
    return hunt


def post_message(work: Work, hunt: Hunt) -> None:
    outbox.post_live(work, hunt, "bonus_hunt.message", lambda: _payload(work, hunt))


def refresh_message(work: Work, hunt: Hunt) -> None:
    outbox.edit_live(work, hunt, "bonus_hunt.message", lambda: _payload(work, hunt))


def _payload(work: Work, hunt: Hunt) -> dict[str, Any]:
    """The message's payload, with the bonuses around the next one."""
    view = get_view(work, hunt.number)
    found = view.figures
    place = next((i for i, bonus in enumerate(view.bonuses) if bonus is view.next), found.total)
    first = place - MAX_ROWS // 3 if hunt.state == "opening" else found.total - MAX_ROWS
    first = max(0, min(first, found.total - MAX_ROWS))
    names = public_names(work, [hunt.viewer_id, *(bonus.viewer_id for bonus in view.bonuses)])
    return {
        "hunt": hunt.number,
        "version": hunt.version,
        "title": hunt.name,
        "state": hunt.state,
        "currency": hunt.currency,
        "cost": str(hunt.start_cost),
        "guesses_open": hunt.guesses_open,
        "guesses": count_guesses(work, hunt.number) if hunt.guesses_until else 0,
        "command": names_of(work, GUESS_NAMES)[0],
        "total": found.total,
        "opened": found.opened,
        "payout_known": hunt.payout_known,
        "left": found.left,
        "returned": str(found.returned),
        "profit": str(found.profit),
        "break_even": None if found.break_even is None else str(found.break_even),
        "average": None if found.average is None else str(found.average),
        "next": found.next.position if found.next else 0,
        "best": view.best and _row(view.best, names),
        "worst": view.worst and _row(view.worst, names),
        "earlier": first,
        "rows": [_row(bonus, names) for bonus in view.bonuses[first : first + MAX_ROWS]],
        "viewer": names[hunt.viewer_id],
        "chart": _chart(view) if hunt.state == "finished" and found.opened else None,
        "amount": None if hunt.winning_guess is None else str(hunt.winning_guess),
    }


def _chart(view: View) -> dict[str, Any]:
    """The opened bonuses, in order."""
    opened = [bonus for bonus in view.bonuses if bonus.payout is not None]
    return {
        "slots": [bonus.slot for bonus in opened],
        "payouts": [f"{bonus.payout:f}" for bonus in opened],
    }


def _row(bonus: Bonus, names: Names) -> dict[str, Any]:
    return {
        "position": bonus.position,
        "slot": bonus.slot,
        "bet": str(bonus.bet),
        "payout": None if bonus.payout is None else str(bonus.payout),
        "skipped": bonus.skipped,
        "viewer": names[bonus.viewer_id],
    }


def on_setting_changed(work: Work, event: SettingChanged) -> None:
    """Update the message after the guess command was renamed."""
    if event.setting == key_of(GUESS_NAMES[0]):
        work.lock(Lock.BONUS_HUNT)
        hunt = work.scalar(select(Hunt).where(IN_PROGRESS))
        if hunt is not None:
            refresh_message(work, hunt)


def forget(work: Work, subject: Subject) -> None:
    """Edit the messages that name the person, after their names were replaced. The outbox redacts
    messages that are still waiting."""
    work.lock(Lock.BONUS_HUNT)
    asked = select(Bonus.hunt).where(Bonus.viewer_id.in_(subject.viewer_ids))
    named = Hunt.number.in_(asked) | Hunt.viewer_id.in_(subject.viewer_ids)
    for hunt in work.scalars(select(Hunt).where(named)).all():
        if not outbox.is_deleted(work, hunt):
            refresh_message(work, hunt)
