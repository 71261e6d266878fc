"""Moderator actions on a hunt. Each action is one transaction that also edits the hunt's message.
Steps can be undone, last one first."""

from decimal import Decimal
from typing import Literal

from sqlalchemy import func, select

from core.bonus_hunt.panel import post_message
from core.bonus_hunt.records import Bonus, Hunt
from core.bonus_hunt.rules import (
    MAX_BONUSES,
    MAX_TITLE_LENGTH,
    HuntSettings,
    digits_of,
)
from core.bonus_hunt.steps import lock_current, step
from core.bonus_hunt.store import IN_PROGRESS, View, get_view
from core.games import actions as games
from core.guilds.actions import audit, load_settings
from core.kit.database.records import ChannelId, ViewerId
from core.kit.database.work import Lock, Work
from core.kit.errors import Refusal
from core.kit.text.amounts import currency_beside, currency_code, parse_amount, show_amount
from core.kit.text.words import _
from core.people.lookup import find_person

Editable = Literal["game", "bet", "by", "payout", "name", "cost"]
"""Fields that `/hunt edit` changes: the first four belong to a bonus, the others to the hunt."""

# -- from start to end ----------------------------------------------------------------------------


def start(work: Work, title: str, start_cost: str, currency: str, channel_id: int) -> Hunt:
    """Start a hunt and post its message (none if `channel_id` is 0). Raises Refusal if another hunt
    is in progress or the input is invalid."""
    work.lock(Lock.BONUS_HUNT)
    other = work.scalar(select(Hunt).where(IN_PROGRESS))
    if other is not None:
        raise Refusal(
            _("Bonus hunt #{number} is still in progress.").format(number=other.number),
            _("End it with `/hunt finish`."),
        )
    usual = load_settings(work, HuntSettings).currency
    code = _currency(currency or currency_beside(start_cost) or usual)
    hunt = Hunt(
        number=work.next_number(Hunt.number),
        name=_title(title),
        currency=code,
        digits=digits_of(code),
        start_cost=parse_amount(start_cost, digits_of(code)),
        started_at=work.now,
        channel_id=ChannelId(channel_id),
    )
    work.add(hunt)
    audit(work, "bonus_hunt.start", hunt.label, after=f"{show_amount(hunt.start_cost)} {code}")
    post_message(work, hunt)
    return hunt


def _title(text: str) -> str:
    title = " ".join(text.split())
    if not title or len(title) > MAX_TITLE_LENGTH:
        raise Refusal(
            _("Enter a name of 1 to {maximum} characters.").format(maximum=MAX_TITLE_LENGTH)
        )
    return title


def _currency(text: str) -> str:
    code = currency_code(text)
    if code is None:
        raise Refusal(
            _("Unknown currency."),
            _("Use a symbol or a code of 3 to 5 letters, such as $, EUR or BTC."),
        )
    return code


def open_hunt(work: Work, number: int | None = None) -> Hunt:
    """Stop collecting bonuses and start entering results. Raises Refusal if the opening has already
    started or there are no bonuses."""
    hunt = lock_current(work, number)
    if hunt.state == "opening":
        raise Refusal(
            _("The bonuses are already being opened."), _("Enter results with `/hunt result`.")
        )
    if not work.exists(Bonus.hunt == hunt.number):
        raise Refusal(_("There are no bonuses to open yet."), _("Add one with `/hunt add`."))
    with step(work, hunt, "open"):
        hunt.state = "opening"
    return hunt


def finish(work: Work, number: int | None = None) -> View:
    """End the hunt and find the best guess. Bonuses may still be unopened."""
    hunt = lock_current(work, number)
    with step(work, hunt, "finish"):
        hunt.state, hunt.finished_at = "finished", work.now
        if hunt.guesses_open:
            hunt.guesses_until = work.now
    return get_view(work, hunt.number)


def reopen(work: Work, number: int | None = None) -> Hunt:
    """Reopen a finished hunt, by default the last one. Raises Refusal if there is none or a hunt is
    in progress."""
    work.lock(Lock.BONUS_HUNT)
    if number is not None and number < 1:
        raise Refusal(_("The first hunt is #1."))
    hunt = get_view(work, number).hunt
    other = work.scalar(select(Hunt.number).where(IN_PROGRESS))
    if other is not None:
        raise Refusal(
            _("Bonus hunt #{number} is still in progress.").format(number=other),
            _("Only one hunt can be open at a time. End it with `/hunt finish`."),
        )
    with step(work, hunt, "reopen"):
        hunt.state, hunt.finished_at = "opening", None
    return hunt


# -- bonuses --------------------------------------------------------------------------------------


def add_bonus(
    work: Work,
    game_title: str,
    bet_text: str,
    viewer_id: int | None = None,
    number: int | None = None,
) -> Bonus:
    """Add a bonus to the hunt in progress; `viewer_id` is the viewer who requested the game. Raises
    Refusal if there is no hunt, it is full, or the game or bet is invalid."""
    hunt = lock_current(work, number)
    (slot, provider), bet = _game(work, game_title), _bet(hunt, bet_text)
    last = select(func.max(Bonus.position)).where(Bonus.hunt == hunt.number)
    position = (work.scalar(last) or 0) + 1
    if position > MAX_BONUSES:
        raise Refusal(_("A hunt has at most {maximum} bonuses.").format(maximum=MAX_BONUSES))
    with step(work, hunt, "add", position):
        bonus = Bonus(
            hunt=hunt.number,
            position=position,
            slot=slot,
            provider=provider,
            bet=bet,
            viewer_id=None if viewer_id is None else ViewerId(viewer_id),
        )
        work.add(bonus)
    return bonus


def add_typed(
    work: Work, game_title: str, bet_text: str, by: str = "", number: int | None = None
) -> Bonus:
    """`add_bonus` with the requester as typed: a mention, a Discord id or a name in chat."""
    viewer_id = find_person(work, by).viewer_id if by.strip() else None
    return add_bonus(work, game_title, bet_text, viewer_id, number)


def _game(work: Work, text: str) -> tuple[str, str]:
    """Title and provider."""
    found = games.find_game(work, text)
    if not found.title or len(found.title) > MAX_TITLE_LENGTH:
        raise Refusal(
            _("Enter a game of 1 to {maximum} characters.").format(maximum=MAX_TITLE_LENGTH)
        )
    return found.title, found.provider


def _bet(hunt: Hunt, text: str) -> Decimal:
    bet = parse_amount(text, hunt.digits)
    if not bet:
        raise Refusal(_("Enter a bet above 0."))
    return bet


def remove_bonus(work: Work, position: int) -> Bonus:
    """Take a bonus out of the hunt; the others keep their numbers."""
    hunt = lock_current(work)
    bonus = _get(work, hunt, position)
    with step(work, hunt, "remove", position):
        work.delete(bonus)
    return bonus


def record_result(
    work: Work, payout: str, position: int | None = None, number: int | None = None
) -> Bonus:
    """Store the payout of a bonus, by default the next one; the first result closes guessing.
    Raises Refusal if the opening has not started, the bonus has a result, or the amount is
    invalid."""
    hunt = lock_current(work, number)
    bonus, amount = _to_open(work, hunt, position), parse_amount(payout, hunt.digits)
    if bonus.payout is not None:
        raise Refusal(
            _("{slot} (#{position}) already has a result: {payout}.").format(
                slot=bonus.slot, position=bonus.position, payout=show_amount(bonus.payout)
            ),
            _(
                "If it is {typed}, correct it: `/hunt edit payout {typed} {position}`. "
                "If you meant the next bonus, enter it there."
            ).format(typed=show_amount(amount), position=bonus.position),
        )
    with step(work, hunt, "result", bonus.position):
        bonus.payout, bonus.skipped = amount, False
        _end_guessing(work, hunt)
    return bonus


def skip_bonus(work: Work, position: int | None = None, number: int | None = None) -> Bonus:
    """Skip a bonus, by default the next one. Raises Refusal if the opening has not started, or the
    bonus was already opened or skipped."""
    hunt = lock_current(work, number)
    bonus = _to_open(work, hunt, position)
    if not bonus.line.waits:
        raise Refusal(
            _("{slot} (#{position}) was already opened or skipped.").format(
                slot=bonus.slot, position=bonus.position
            ),
            _("Undo the last step with `/hunt undo`."),
        )
    with step(work, hunt, "skip", bonus.position):
        bonus.skipped = True
    return bonus


def _to_open(work: Work, hunt: Hunt, position: int | None) -> Bonus:
    if hunt.state == "collecting":
        raise Refusal(
            _("The hunt is still collecting bonuses."), _("Start the opening with `/hunt open`.")
        )
    bonus = _get(work, hunt, position) if position else get_view(work, hunt.number).next
    if bonus is None:
        raise Refusal(
            _("All bonuses are opened or skipped."), _("End the hunt with `/hunt finish`.")
        )
    return bonus


def _get(work: Work, hunt: Hunt, position: int) -> Bonus:
    if position < 1:
        raise Refusal(_("The first bonus is #1."))
    bonus = work.find(Bonus, hunt.number, position)
    if bonus is None:
        raise Refusal(_("There is no bonus #{position}.").format(position=position))
    return bonus


def edit(work: Work, what: str, value: str, position: int | None = None) -> Hunt:
    """Correct the hunt or the bonus with this number; `what` is one of `Editable`. An empty value
    or `-` clears `by` and `payout`. Raises Refusal if there is no such bonus or the value is
    invalid."""
    hunt, value = lock_current(work), value.strip()
    value = "" if value == "-" else value
    if what in ("name", "cost"):
        if position is not None:
            raise Refusal(
                _("This is a value of the hunt, not of a bonus."),
                _("Leave out the number. If it is part of the name, put the name in quotes."),
            )
        with step(work, hunt, "edit"):
            if what == "name":
                hunt.name = _title(value)
            else:
                hunt.start_cost = parse_amount(value, hunt.digits)
        return hunt
    if position is None:
        raise Refusal(_("Which bonus? Add its number."))
    bonus = _get(work, hunt, position)
    with step(work, hunt, "edit", position):
        match what:
            case "game":
                bonus.slot, bonus.provider = _game(work, value)
            case "bet":
                bonus.bet = _bet(hunt, value)
            case "by":
                bonus.viewer_id = find_person(work, value).viewer_id if value else None
            case "payout":
                bonus.payout = parse_amount(value, hunt.digits) if value else None
                bonus.skipped = False
                if value:
                    _end_guessing(work, hunt)
    return hunt


def _end_guessing(work: Work, hunt: Hunt) -> None:
    """Close guessing because a payout is known; undoing the payout does not reopen it."""
    hunt.payout_known = True
    if hunt.guesses_open:
        hunt.guesses_until = work.now


def set_guessing(work: Work, *, opened: bool, number: int | None = None) -> Hunt:
    """Open or close guessing. Raises Refusal if nothing would change, or a result is known."""
    hunt = lock_current(work, number)
    if hunt.guesses_open == opened:
        raise Refusal(_("Guessing is already open.") if opened else _("Guessing is not open."))
    if opened and hunt.payout_known:
        raise Refusal(
            _("Guessing can't be reopened after the first result."),
            _("Undoing the result doesn't change that."),
        )
    with step(work, hunt, "guess_open" if opened else "guess_close"):
        if opened:
            hunt.guesses_from, hunt.guesses_until = work.now, None
        else:
            hunt.guesses_until = work.now
    return hunt
