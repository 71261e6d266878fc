"""What moderators can do with a hunt. Every action is one transaction, including the edit of the
hunt's message, and every step of a hunt can be undone, the last one first."""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import Any, Literal
from uuid import uuid4

from sqlalchemy import func, select

from core.bonus_hunt.records import Act, Bonus, Guess, Hunt, Step
from core.bonus_hunt.rules import (
    LONGEST_TITLE,
    MOST_BONUSES,
    Figures,
    Guessed,
    HuntSettings,
    best_guess,
    clean_currency,
    digits_of,
    figures,
)
from core.events import GuessWinRevoked, GuessWon
from core.games import actions as games
from core.guilds import store as guilds
from core.guilds.actions import audit, load_settings
from core.guilds.chat_commands import names_of
from core.inbox import actions as inbox
from core.kick.accounts.primary import find_other
from core.kit.amounts import parse_amount, show_amount
from core.kit.clock import parse_instant
from core.kit.errors import Refusal
from core.kit.personal import Subject
from core.kit.records import ChannelId, GuildRecord, ViewerId, table_of
from core.kit.words import _
from core.kit.work import Lock, Work
from core.outbox import actions as outbox
from core.people import actions as people
from core.people.exclusions.store import select_excluded

Editable = Literal["game", "bet", "by", "payout", "name", "cost"]
"""What `/hunt edit` changes: the first four of a bonus, the others of the hunt."""

GUESS_NAMES = ("guess",)
"""Of the command in the stream's chat, unless a server calls it something else."""

MOST_HUNTS = 50
"""Hunts in the history."""
ROWS = 15
"""Bonuses in the message."""

IN_PROGRESS = Hunt.state != "finished"
_FRESH = {"populate_existing": True}
"""Names change with the ids that they belong to."""
_SHOWN_FIRST = select(Hunt).order_by(IN_PROGRESS.desc(), Hunt.number.desc())

# -- looking --------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class View:
    """A hunt with its bonuses, in order, and its figures."""

    hunt: Hunt
    bonuses: Sequence[Bonus]
    figures: Figures

    def at(self, position: int | None) -> Bonus | None:
        """The bonus with this number."""
        return next((one for one in self.bonuses if one.position == position), None)

    @property
    def best(self) -> Bonus | None:
        line = self.figures.best
        return self.at(line.position) if line else None

    @property
    def worst(self) -> Bonus | None:
        line = self.figures.worst
        return self.at(line.position) if line else None

    @property
    def next(self) -> Bonus | None:
        line = self.figures.next
        return self.at(line.position) if line else None

    def money(self, amount: Decimal) -> str:
        """With the currency."""
        return f"{show_amount(amount)} {self.hunt.currency}"


def list_hunts(work: Work, most: int = MOST_HUNTS) -> list[View]:
    """Newest first."""
    return _views(work, list_newest(work, most))


def list_newest(work: Work, most: int) -> Sequence[Hunt]:
    """The same without bonuses and figures."""
    return work.scalars(select(Hunt).order_by(Hunt.number.desc()).limit(most)).all()


def _views(work: Work, hunts: Sequence[Hunt]) -> list[View]:
    found: dict[int, list[Bonus]] = defaultdict(list)
    theirs = select(Bonus).where(Bonus.hunt.in_([hunt.number for hunt in hunts]))
    in_order = theirs.order_by(Bonus.hunt, Bonus.position)
    for bonus in work.scalars(in_order, execution_options=_FRESH):
        found[bonus.hunt].append(bonus)
    return [_view(hunt, found[hunt.number]) for hunt in hunts]


def _view(hunt: Hunt, bonuses: Sequence[Bonus]) -> View:
    return View(hunt, bonuses, figures(hunt.start_cost, [bonus.line for bonus in bonuses]))


def find_view(work: Work, number: int | None = None) -> View | None:
    """The hunt with this number, or else the one that is in progress, or else the last one."""
    wanted = _SHOWN_FIRST if number is None else _SHOWN_FIRST.where(Hunt.number == number)
    hunt = work.scalar(wanted.limit(1), execution_options=_FRESH)
    return _views(work, [hunt])[0] if hunt else None


def get_view(work: Work, number: int | None = None) -> View:
    """The same; raises Refusal if there is none."""
    found = find_view(work, number)
    if found is None and number is not None:
        raise Refusal(_("There is no bonus hunt #{number}.").format(number=number))
    if found is None:
        raise Refusal(_("There was no bonus hunt yet."), _("`/hunt start` starts one."))
    return found


def list_guesses(work: Work, number: int) -> Sequence[Guess]:
    """The guesses about a hunt, the lowest first."""
    theirs = select(Guess).where(Guess.hunt == number)
    return work.scalars(theirs.order_by(Guess.amount, Guess.at)).all()


@dataclass(frozen=True, slots=True)
class Total:
    """All finished hunts in one currency."""

    currency: str
    hunts: int
    cost: Decimal
    returned: Decimal


@dataclass(frozen=True, slots=True)
class Stats:
    """All finished hunts, and of their bonuses the best and the worst by their multiplier."""

    totals: Sequence[Total]
    best: Bonus | None
    worst: Bonus | None


def get_stats(work: Work) -> Stats:
    """Sums by currency, the one with the most hunts first."""
    is_over = Hunt.state == "finished"
    sums = select(Hunt.currency, func.count(), func.sum(Hunt.start_cost)).where(is_over)
    paid = select(Hunt.currency, func.sum(Bonus.payout)).join_from(
        Hunt, Bonus, (Bonus.guild_id == Hunt.guild_id) & (Bonus.hunt == Hunt.number)
    )
    returned = dict(work.execute(paid.where(is_over).group_by(Hunt.currency)).all())
    totals = [
        Total(currency, hunts, cost, returned.get(currency) or Decimal(0))
        for currency, hunts, cost in work.execute(sums.group_by(Hunt.currency))
    ]
    over = select(Hunt.number).where(is_over)
    opened = select(Bonus).where(Bonus.payout.is_not(None), Bonus.hunt.in_(over)).limit(1)
    ratio, order = Bonus.payout / Bonus.bet, (Bonus.hunt, Bonus.position)
    return Stats(
        totals=sorted(totals, key=lambda one: (-one.hunts, one.currency)),
        best=work.scalar(opened.order_by(ratio.desc(), *order)),
        worst=work.scalar(opened.order_by(ratio, *order)),
    )


# -- from start to end ----------------------------------------------------------------------------


def start(work: Work, title: str, start_cost: str, currency: str, channel_id: int) -> Hunt:
    """Start a hunt and post its message; without a channel it has none.

    Raises:
        Refusal: another one is in progress, or something that was typed is wrong.
    """
    work.lock(Lock.BONUS_HUNT)
    other = work.scalar(select(Hunt).where(IN_PROGRESS))
    if other is not None:
        raise Refusal(
            _("Bonus hunt #{number} is still in progress.").format(number=other.number),
            _("`/hunt finish` ends it."),
        )
    code = _currency(currency or load_settings(work, HuntSettings).currency)
    hunt = Hunt(
        number=work.next_number(Hunt.number),
        name=_title(title),
        currency=code,
        digits=digits_of(code),
        start_cost=parse_amount(start_cost, digits_of(code)),
        started_at=work.now,
        channel_id=ChannelId(channel_id),
        message=str(uuid4()),
    )
    work.add(hunt)
    audit(work, "bonus_hunt.start", _name(hunt), after=f"{show_amount(hunt.start_cost)} {code}")
    _post_message(work, hunt)
    return hunt


def _title(text: str) -> str:
    title = " ".join(text.split())
    if not title or len(title) > LONGEST_TITLE:
        raise Refusal(_("The name needs 1 to {most} characters.").format(most=LONGEST_TITLE))
    return title


def _currency(text: str) -> str:
    code = clean_currency(text)
    if code is None:
        raise Refusal(
            _("That is no currency."), _("Write its code of 3 to 5 letters, such as EUR or BTC.")
        )
    return code


def open_hunt(work: Work, number: int | None = None) -> Hunt:
    """End the collecting: from now on results are entered.

    Raises:
        Refusal: bonuses are opened already, or there are none.
    """
    hunt = _take(work, number)
    if hunt.state == "opening":
        raise Refusal(_("The bonuses are being opened already."), _("`/hunt result` comes next."))
    if not work.exists(Bonus.hunt == hunt.number):
        raise Refusal(_("There is no bonus to open yet."), _("`/hunt add` adds one."))
    with _step(work, hunt, "open"):
        hunt.state = "opening"
    return hunt


def finish(work: Work, number: int | None = None) -> View:
    """End the hunt, whether or not all bonuses were opened, and find the best guess."""
    hunt = _take(work, number)
    with _step(work, hunt, "finish"):
        hunt.state, hunt.finished_at = "finished", work.now
        if hunt.guesses_open:
            hunt.guesses_until = work.now
    return get_view(work, hunt.number)


def reopen(work: Work, number: int | None = None) -> Hunt:
    """Go on with a finished hunt, by default the last one.

    Raises:
        Refusal: there is none, it is not finished, or another one is in progress.
    """
    work.lock(Lock.BONUS_HUNT)
    hunt = get_view(work, number).hunt
    other = work.scalar(select(Hunt.number).where(IN_PROGRESS))
    if other is not None:
        raise Refusal(
            _("Bonus hunt #{number} is still in progress.").format(number=other),
            _("There is one at a time. `/hunt finish` ends it."),
        )
    with _step(work, hunt, "reopen"):
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
    """Add a bonus to the hunt that is in progress; `viewer_id` is who asked for the game.

    Raises:
        Refusal: there is no hunt, it is full, or the game or the bet is wrong.
    """
    hunt = _take(work, number)
    (slot, provider), bet = _game(work, game_title), _bet(hunt, bet_text)
    last = select(func.max(Bonus.position)).where(Bonus.hunt == hunt.number)
    position = (work.scalar(last) or 0) + 1
    if position > MOST_BONUSES:
        raise Refusal(_("A hunt has at most {most} bonuses.").format(most=MOST_BONUSES))
    with _step(work, hunt, "add", position):
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
    """The same with a mention, a Discord id or a name on Kick of who asked for the game."""
    viewer_id = people.find_person(work, by).viewer_id if by.strip() else None
    return add_bonus(work, game_title, bet_text, viewer_id, number)


def _game(work: Work, text: str) -> tuple[str, str]:
    """Title and provider."""
    found = games.find_game(work, text)
    if not found.title or len(found.title) > LONGEST_TITLE:
        raise Refusal(_("Which game? At most {most} characters.").format(most=LONGEST_TITLE))
    return found.title, found.provider


def _bet(hunt: Hunt, text: str) -> Decimal:
    bet = parse_amount(text, hunt.digits)
    if not bet:
        raise Refusal(_("The bet must be more than nothing."))
    return bet


def remove_bonus(work: Work, position: int) -> Bonus:
    """Take a bonus out of the hunt; the others keep their numbers."""
    hunt = _take(work)
    bonus = _get(work, hunt, position)
    with _step(work, hunt, "remove", position):
        work.delete(bonus)
    return bonus


def record_result(
    work: Work, payout: str, position: int | None = None, number: int | None = None
) -> Bonus:
    """Note what a bonus paid, by default the next one; the first result closes guessing.

    Raises:
        Refusal: bonuses are still collected, it has a result already, or the amount is wrong.
    """
    hunt = _take(work, number)
    bonus, amount = _to_open(work, hunt, position), parse_amount(payout, hunt.digits)
    if bonus.payout is not None:
        raise Refusal(
            _("{slot} (#{position}) has a result already: {payout}.").format(
                slot=bonus.slot, position=bonus.position, payout=show_amount(bonus.payout)
            ),
            _(
                "If it is {typed}, correct it: `/hunt edit payout {typed} {position}`. "
                "If you meant the next bonus, enter it there."
            ).format(typed=show_amount(amount), position=bonus.position),
        )
    with _step(work, hunt, "result", bonus.position):
        bonus.payout, bonus.skipped = amount, False
        if hunt.guesses_open:
            hunt.guesses_until = work.now
    return bonus


def skip_bonus(work: Work, position: int | None = None, number: int | None = None) -> Bonus:
    """Leave a bonus out, by default the next one.

    Raises:
        Refusal: bonuses are still collected, or it was opened or skipped already.
    """
    hunt = _take(work, number)
    bonus = _to_open(work, hunt, position)
    if not bonus.line.waits:
        raise Refusal(
            _("{slot} (#{position}) was opened or skipped already.").format(
                slot=bonus.slot, position=bonus.position
            ),
            _("`/hunt undo` takes the last step back."),
        )
    with _step(work, hunt, "skip", bonus.position):
        bonus.skipped = True
    return bonus


def _to_open(work: Work, hunt: Hunt, position: int | None) -> Bonus:
    if hunt.state == "collecting":
        raise Refusal(
            _("Bonuses are still being collected."), _("`/hunt open` starts the opening.")
        )
    bonus = _get(work, hunt, position) if position else get_view(work, hunt.number).next
    if bonus is None:
        raise Refusal(
            _("Every bonus is opened or skipped."), _("`/hunt finish` shows the final result.")
        )
    return bonus


def _get(work: Work, hunt: Hunt, position: int) -> Bonus:
    bonus = work.find(Bonus, hunt.number, position)
    if bonus is None:
        raise Refusal(_("There is no bonus #{position}.").format(position=position))
    return bonus


def edit(work: Work, what: str, value: str, position: int | None = None) -> Hunt:
    """Correct the hunt or the bonus with this number; `what` is one of `Editable`. The values of
    `by` and `payout` can be empty or `-`.

    Raises:
        Refusal: there is no such bonus, or the value is wrong.
    """
    hunt, value = _take(work), value.strip()
    value = "" if value == "-" else value
    if what in ("name", "cost"):
        with _step(work, hunt, "edit"):
            if what == "name":
                hunt.name = _title(value)
            else:
                hunt.start_cost = parse_amount(value, hunt.digits)
        return hunt
    if position is None:
        raise Refusal(_("Which bonus? Add its number."))
    bonus = _get(work, hunt, position)
    with _step(work, hunt, "edit", position):
        match what:
            case "game":
                bonus.slot, bonus.provider = _game(work, value)
            case "bet":
                bonus.bet = _bet(hunt, value)
            case "by":
                bonus.viewer_id = people.find_person(work, value).viewer_id if value else None
            case "payout":
                bonus.payout = parse_amount(value, hunt.digits) if value else None
                bonus.skipped = False
    return hunt


# -- steps ----------------------------------------------------------------------------------------


def _take(work: Work, number: int | None = None) -> Hunt:
    """The hunt that is in progress, locked; a button says which one it belongs to."""
    work.lock(Lock.BONUS_HUNT)
    hunt = work.scalar(select(Hunt).where(IN_PROGRESS))
    if hunt is None:
        raise Refusal(
            _("No bonus hunt is in progress."),
            _("`/hunt start` starts one, `/hunt reopen` goes on with the last one."),
        )
    if number is not None and hunt.number != number:
        raise Refusal(_("This hunt is over: #{number} runs now.").format(number=hunt.number))
    return hunt


_HUNT = ("name", "start_cost", "state", "finished_at", "guesses_from", "guesses_until")
_BONUS = ("slot", "provider", "bet", "viewer_id", "payout", "skipped")


@contextmanager
def _step(work: Work, hunt: Hunt, act: Act, position: int | None = None) -> Iterator[None]:
    """Do something to the hunt, and perhaps to a bonus, so that it can be undone."""
    before = _snapshot(work, hunt, position)
    with _change(work, hunt):
        yield
    last = select(func.max(Step.number)).where(Step.hunt == hunt.number)
    step = Step(
        hunt=hunt.number,
        number=(work.scalar(last) or 0) + 1,
        act=act,
        position=position,
        before=before,
    )
    work.add(step)
    after = _snapshot(work, hunt, position)
    target = _name(hunt) + (f" #{position}" if position else "")
    audit(work, f"bonus_hunt.{act}", target, before=_told(before), after=_told(after))


def _snapshot(work: Work, hunt: Hunt, position: int | None) -> dict[str, Any]:
    """What a step can change, as JSON."""
    work.flush()
    bonus = work.find(Bonus, hunt.number, position) if position else None
    return {"hunt": _plain(hunt, _HUNT), "bonus": bonus and _plain(bonus, _BONUS)}


def _plain(record: GuildRecord, names: Sequence[str]) -> dict[str, Any]:
    def plain(value: Any) -> Any:
        return value.isoformat() if isinstance(value, datetime) else value

    values = {name: plain(getattr(record, name)) for name in names}
    return {k: f"{v:f}" if isinstance(v, Decimal) else v for k, v in values.items()}


def _restore(record: GuildRecord, values: dict[str, Any]) -> None:
    columns = table_of(type(record)).c
    for name, value in values.items():
        kind = columns[name].type.python_type
        parse: Any = {Decimal: Decimal, datetime: parse_instant}.get(kind, lambda plain: plain)
        setattr(record, name, None if value is None else parse(value))


def _told(snapshot: dict[str, Any]) -> str:
    """For the audit log."""
    hunt, bonus = snapshot["hunt"], snapshot["bonus"]
    if bonus is None:
        return f"{hunt['name']}, {hunt['start_cost']}, {hunt['state']}"
    result = "skipped" if bonus["skipped"] else bonus["payout"] or "?"
    return f"{bonus['slot']}, {bonus['bet']} → {result}"


def _name(hunt: Hunt) -> str:
    return f"{hunt.number} ({hunt.name})"


def undo(work: Work, number: int | None = None, version: int | None = None) -> Step:
    """Take back the last step of the hunt that is in progress, or of the last one.

    Args:
        number: refuse unless it is this hunt.
        version: refuse if it has changed since it had this version.

    Raises:
        Refusal: there is nothing to undo, or somebody else was faster.
    """
    work.lock(Lock.BONUS_HUNT)
    hunt = get_view(work).hunt
    if (number or hunt.number, version or hunt.version) != (hunt.number, hunt.version):
        raise Refusal(
            _("The hunt has changed in the meantime, so nothing was undone."),
            _("Look at it, and press *Undo* again if you still want to."),
        )
    last = select(Step).where(Step.hunt == hunt.number).order_by(Step.number.desc()).limit(1)
    step = work.scalar(last)
    if step is None:
        raise Refusal(_("There is nothing to undo."))
    with _change(work, hunt):
        _restore(hunt, step.before["hunt"])
        if step.position is not None:
            _restore_bonus(work, hunt, step.position, step.before["bonus"])
        work.delete(step)
    audit(work, "bonus_hunt.undo", _name(hunt), after=step.act)
    return step


def _restore_bonus(work: Work, hunt: Hunt, position: int, before: dict[str, Any] | None) -> None:
    bonus = work.find(Bonus, hunt.number, position)
    if before is None:
        if bonus is not None:
            work.delete(bonus)
        return
    if bonus is None:
        bonus = Bonus(hunt=hunt.number, position=position, slot="", bet=Decimal(1))
        work.add(bonus)
    _restore(bonus, before)


@contextmanager
def _change(work: Work, hunt: Hunt) -> Iterator[None]:
    """Whatever has changed the hunt, what follows from it is the same."""
    was_over, was_open = hunt.state == "finished", hunt.guesses_open
    yield
    work.flush()
    is_over = hunt.state == "finished"
    if is_over and not was_over:
        _settle(work, hunt)
    elif was_over and not is_over:
        _unsettle(work, hunt)
    if hunt.guesses_open != was_open and not is_over:
        _announce(work, hunt, "open" if hunt.guesses_open else "closed", {})
    refresh_message(work, hunt)


# -- guessing -------------------------------------------------------------------------------------


def set_guessing(work: Work, *, opened: bool, number: int | None = None) -> Hunt:
    """Let viewers guess how much comes back, or no longer.

    Raises:
        Refusal: it is so already, or a result is known.
    """
    hunt = _take(work, number)
    if hunt.guesses_open == opened:
        raise Refusal(_("Guessing is open already.") if opened else _("Guessing is not open."))
    if opened and get_view(work, hunt.number).figures.opened:
        raise Refusal(_("Guessing ends with the first result, and there is one already."))
    with _step(work, hunt, "guess_open" if opened else "guess_close"):
        if opened:
            hunt.guesses_from, hunt.guesses_until = work.now, None
        else:
            hunt.guesses_until = work.now
    return hunt


def _settle(work: Work, hunt: Hunt) -> None:
    """Find who guessed best, if anything was opened, and tell everybody."""
    balance = get_view(work, hunt.number).figures
    excluded = list_excluded(work)
    guesses = {guess.viewer_id: guess for guess in list_guesses(work, hunt.number)}
    best = best_guess(
        [
            Guessed(viewer_id, guess.amount, guess.at)
            for viewer_id, guess in guesses.items()
            if viewer_id not in excluded
        ],
        balance.returned,
    )
    if best is None or not balance.opened:
        return
    hunt.viewer_id, hunt.winning_guess = ViewerId(best.viewer_id), best.amount
    hunt.wins += 1
    tickets = load_settings(work, HuntSettings).prize_tickets
    inbox.publish(
        work.tx,
        GuessWon(
            key=_win_key(hunt),
            guild_id=work.guild_id,
            at=work.now,
            viewer_id=best.viewer_id,
            hunt=hunt.number,
            tickets=tickets,
        ),
    )
    result = {
        "viewer": guesses[ViewerId(best.viewer_id)].viewer_name,
        "amount": str(best.amount),
        "returned": str(balance.returned),
        "tickets": tickets,
    }
    _announce(work, hunt, "won", result)


def list_excluded(work: Work) -> set[int]:
    """Viewers who are excluded from everything, so from guessing, too."""
    found = work.tx.execute(select_excluded(work.guild_id, "everything"))
    return {row.viewer_id for row in found}


def _unsettle(work: Work, hunt: Hunt) -> None:
    """The hunt goes on, so nobody has won yet."""
    if hunt.viewer_id is None:
        return
    hunt.viewer_id = hunt.winning_guess = None
    key = _win_key(hunt)
    revoked = GuessWinRevoked(key=key, guild_id=work.guild_id, at=work.now, of=key)
    inbox.publish(work.tx, revoked)


def _win_key(hunt: Hunt) -> str:
    return f"{hunt.number}:{hunt.wins}"


def _announce(work: Work, hunt: Hunt, state: str, details: dict[str, Any]) -> None:
    """Tell the stream's chat, if this server has one that it answers in."""
    channel = guilds.find_channel(work.tx, work.guild_id, "kick")
    if channel is None or find_other(work.tx, work.guild_id) is not None:
        return
    payload = {"state": state, "title": hunt.name, "currency": hunt.currency, **details}
    payload["command"] = names_of(work, GUESS_NAMES)[0]
    key = f"bonus_hunt.guesses:{hunt.number}:{hunt.version}"
    outbox.post_to_kick(work, channel.channel_id, "bonus_hunt.guesses", key, payload)


# -- the message ----------------------------------------------------------------------------------


def show(work: Work, channel_id: int) -> Hunt:
    """Post the message of the hunt again, in this channel; the one before is deleted.

    Raises:
        Refusal: there was no hunt yet.
    """
    work.lock(Lock.BONUS_HUNT)
    hunt = get_view(work).hunt
    if hunt.channel_id:
        outbox.withdraw(work, [hunt.edit_key])
        gone = f"{hunt.key}:gone"
        outbox.post_edit(work, hunt.channel_id, hunt.key, "bonus_hunt.message", gone, None)
    hunt.channel_id = ChannelId(channel_id)
    audit(work, "bonus_hunt.show", _name(hunt))
    _post_message(work, hunt)
    return hunt


def _post_message(work: Work, hunt: Hunt) -> None:
    hunt.message, hunt.version = str(uuid4()), hunt.version + 1
    if hunt.channel_id:
        payload = _payload(work, hunt)
        outbox.post_to_channel(work, hunt.channel_id, "bonus_hunt.message", hunt.key, payload)


def refresh_message(work: Work, hunt: Hunt) -> None:
    """Show the hunt as it is now; an edit that still waits is replaced. If somebody has deleted the
    message, it is posted again."""
    if not hunt.channel_id:
        hunt.version += 1
        return
    if outbox.was_deleted(work, hunt.edit_key):
        _post_message(work, hunt)
        return
    outbox.withdraw(work, [hunt.edit_key])
    hunt.version += 1
    payload = _payload(work, hunt)
    outbox.post_edit(work, hunt.channel_id, hunt.key, "bonus_hunt.message", hunt.edit_key, payload)


def _payload(work: Work, hunt: Hunt) -> dict[str, Any]:
    """What the message shows: of many bonuses those around the next one."""
    view = get_view(work, hunt.number)
    found = view.figures
    place = next((i for i, one in enumerate(view.bonuses) if one is view.next), found.total)
    first = place - ROWS // 3 if hunt.state == "opening" else found.total - ROWS
    first = max(0, min(first, found.total - ROWS))
    return {
        "hunt": hunt.number,
        "version": hunt.version,
        "title": hunt.name,
        "state": hunt.state,
        "currency": hunt.currency,
        "cost": str(hunt.start_cost),
        "guesses_open": hunt.guesses_open,
        "guesses": work.count(Guess.hunt == hunt.number) if hunt.guesses_until else 0,
        "command": names_of(work, GUESS_NAMES)[0],
        "total": found.total,
        "opened": found.opened,
        "left": found.left,
        "returned": str(found.returned),
        "profit": str(found.profit),
        "break_even": None if found.break_even is None else str(found.break_even),
        "average": None if found.average is None else str(found.average),
        "next": found.next.position if found.next else 0,
        "best": view.best and _row(view.best),
        "worst": view.worst and _row(view.worst),
        "earlier": first,
        "rows": [_row(bonus) for bonus in view.bonuses[first : first + ROWS]],
        "viewer": hunt.viewer_name,
        "amount": None if hunt.winning_guess is None else str(hunt.winning_guess),
    }


def _row(bonus: Bonus) -> dict[str, Any]:
    return {
        "position": bonus.position,
        "slot": bonus.slot,
        "bet": str(bonus.bet),
        "payout": None if bonus.payout is None else str(bonus.payout),
        "skipped": bonus.skipped,
        "viewer": bonus.viewer_name,
    }


def forget(work: Work, subject: Subject) -> None:
    """Edit the messages that name the person. They are edited after the names are replaced: what
    still waits to be sent is redacted by the outbox."""
    work.lock(Lock.BONUS_HUNT)
    asked = select(Bonus.hunt).where(Bonus.viewer_id.in_(subject.viewer_ids))
    named = Hunt.number.in_(asked) | Hunt.viewer_id.in_(subject.viewer_ids)
    for hunt in work.scalars(select(Hunt).where(named)).all():
        if not outbox.was_deleted(work, hunt.edit_key):
            refresh_message(work, hunt)
