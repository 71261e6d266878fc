"""Guesses of viewers, from the stream's chat and from Discord."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert

from core.bonus_hunt.outcome import list_excluded
from core.bonus_hunt.records import Guess, Hunt
from core.bonus_hunt.rules import HuntSettings
from core.bonus_hunt.store import IN_PROGRESS, find_view
from core.events import ChatMessageSent
from core.guilds.actions import load_settings
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.amounts import split_amount
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions.store import without_excluded

Rejection = Literal["closed", "which", "amount"]
"""Why a guess in chat does not count: guessing is closed, the amount is missing, or it is
invalid."""


def guess_in_chat(work: Work, message: ChatMessageSent, argument: str) -> None:
    """Handle `!guess <amount>`. The moment of the message decides whether it is in time."""
    (viewer_id,) = people.get_or_create_senders(work.tx, [message])
    if not without_excluded(work.tx, [message], "everything"):
        return
    hunt = work.scalar(select(Hunt).where(IN_PROGRESS))
    reason: Rejection | None = None
    if hunt is None or not hunt.takes_guess(message.at):
        reason = "closed"
    elif not argument:
        reason = "which"
    else:
        try:
            amount, _rest = split_amount(argument, hunt.digits)
        except Refusal:
            reason = "amount"
        else:
            _store(work, hunt, viewer_id, amount, message.at)
            reply = {"amount": str(amount), "currency": hunt.currency}
            _answer(work, message, "bonus_hunt.guessed", reply, str(viewer_id), bulk=True)
    if reason is not None:
        whom = "all" if reason == "closed" else viewer_id
        reply = {"reason": reason, "command": message.command}
        _answer(work, message, "bonus_hunt.rejected", reply, f"{reason}:{whom}")


def _answer(
    work: Work,
    message: ChatMessageSent,
    kind: str,
    reply: dict[str, Any],
    once: str,
    *,
    bulk: bool = False,
) -> None:
    if load_settings(work, HuntSettings).replies:
        outbox.post_reply(work, message, kind, reply, once_a_minute=once, bulk=bulk)


def guess_here(work: Work, text: str) -> tuple[Hunt, Decimal]:
    """Store the guess of a Discord member. Raises Refusal if guessing is closed, the amount is
    invalid, or the member has no linked account or is excluded."""
    viewer = people.find_own(work)
    if viewer is None:
        raise Refusal(_("Link your account first."), _("Use `/link`."))
    if viewer.viewer_id in list_excluded(work):
        raise Refusal(_("You can't take part."), _("A moderator can tell you why."))
    hunt = work.scalar(select(Hunt).where(IN_PROGRESS))
    if hunt is None or not hunt.takes_guess(work.now):
        raise Refusal(_("Guessing is closed right now."))
    amount, _rest = split_amount(text, hunt.digits)
    _store(work, hunt, viewer.viewer_id, amount, work.now)
    return hunt, amount


def _store(work: Work, hunt: Hunt, viewer_id: int, amount: Decimal, at: datetime) -> None:
    """Store the viewer's last guess, even if messages are handled out of order."""
    new = insert(Guess).values(hunt=hunt.number, viewer_id=viewer_id, amount=amount, at=at)
    late = {"amount": amount, "at": at}
    work.execute(
        new.on_conflict_do_update(
            constraint="bonus_hunt_guesses_once", set_=late, where=Guess.at <= at
        )
    )


def reply_with_hunt(work: Work, message: ChatMessageSent, _argument: str) -> None:
    """Handle `!hunt`: reply with the state of the hunt, at most once a minute."""
    if not without_excluded(work.tx, [message], "everything"):
        return
    view = find_view(work)
    if view is None:
        return
    found = view.figures
    payload = {
        "title": view.hunt.name,
        "state": view.hunt.state,
        "currency": view.hunt.currency,
        "opened": found.opened,
        "total": found.total,
        "cost": str(view.hunt.start_cost),
        "returned": str(found.returned),
        "profit": str(found.profit),
        "break_even": None if found.break_even is None else str(found.break_even),
    }
    outbox.post_reply(work, message, "bonus_hunt.status", payload, once_a_minute="all")
