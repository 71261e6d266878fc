"""Queries for hunts, their bonuses and statistics."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal

from sqlalchemy import func, select

from core.bonus_hunt.records import Bonus, Guess, Hunt
from core.bonus_hunt.rules import Figures, figures
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.amounts import show_amount
from core.kit.text.words import _
from core.people.records import Viewer

MAX_HUNTS = 50
"""Hunts in the history."""

IN_PROGRESS = Hunt.state != "finished"
_RELOAD = {"populate_existing": True}
"""Reload viewers' names, which may have changed."""
_SHOWN_FIRST = select(Hunt).order_by(IN_PROGRESS.desc(), Hunt.number.desc())


@dataclass(frozen=True, slots=True)
class View:
    """A hunt with its bonuses, in order, and its statistics."""

    hunt: Hunt
    bonuses: Sequence[Bonus]
    figures: Figures

    def at(self, position: int | None) -> Bonus | None:
        """The bonus with this number."""
        return next((bonus for bonus in self.bonuses if bonus.position == position), None)

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
        """The amount with its currency."""
        return f"{show_amount(amount)} {self.hunt.currency}"


def is_in_progress(work: Work) -> bool:
    """Whether a hunt is in progress."""
    return work.exists(IN_PROGRESS)


def list_hunts(work: Work, maximum: int = MAX_HUNTS) -> list[View]:
    """All hunts, newest first."""
    return _views(work, list_newest(work, maximum))


def list_newest(work: Work, maximum: int) -> Sequence[Hunt]:
    """The newest hunts, without bonuses and statistics."""
    return work.scalars(select(Hunt).order_by(Hunt.number.desc()).limit(maximum)).all()


def _views(work: Work, hunts: Sequence[Hunt]) -> list[View]:
    found: dict[int, list[Bonus]] = defaultdict(list)
    theirs = select(Bonus).where(Bonus.hunt.in_([hunt.number for hunt in hunts]))
    in_order = theirs.order_by(Bonus.hunt, Bonus.position)
    for bonus in work.scalars(in_order, execution_options=_RELOAD):
        found[bonus.hunt].append(bonus)
    return [
        View(hunt, bonuses, figures(hunt.start_cost, [bonus.line for bonus in bonuses]))
        for hunt, bonuses in ((hunt, found[hunt.number]) for hunt in hunts)
    ]


def find_view(work: Work, number: int | None = None) -> View | None:
    """The hunt with this number; without one, the hunt in progress, or else the last one."""
    wanted = _SHOWN_FIRST if number is None else _SHOWN_FIRST.where(Hunt.number == number)
    hunt = work.scalar(wanted.limit(1), execution_options=_RELOAD)
    return _views(work, [hunt])[0] if hunt else None


def get_view(work: Work, number: int | None = None) -> View:
    """`find_view`, but raises Refusal if there is none."""
    found = find_view(work, number)
    if found is None and number is not None:
        raise Refusal(_("There is no bonus hunt #{number}.").format(number=number))
    if found is None:
        raise Refusal(_("No bonus hunts yet."), _("Start one with `/hunt start`."))
    return found


def list_guesses(work: Work, number: int) -> Sequence[Guess]:
    """The guesses of a hunt, lowest first. Only the latest guess of each person."""
    theirs = select(Guess, Viewer.person_id).join(Viewer, IS_GUESSER).where(Guess.hunt == number)
    newest: dict[int, Guess] = {}
    for guess, person_id in work.execute(theirs.order_by(Guess.at, Guess.viewer_id)):
        newest[person_id] = guess
    return sorted(newest.values(), key=lambda guess: (guess.amount, guess.at))


def count_guesses(work: Work, number: int) -> int:
    """How many people have guessed."""
    people = select(func.count(Viewer.person_id.distinct())).join(Guess, IS_GUESSER)
    return work.scalar(people.where(Guess.hunt == number)) or 0


IS_GUESSER = (Guess.guild_id == Viewer.guild_id) & (Guess.viewer_id == Viewer.viewer_id)


@dataclass(frozen=True, slots=True)
class Total:
    """All finished hunts in one currency."""

    currency: str
    hunts: int
    cost: Decimal
    returned: Decimal


@dataclass(frozen=True, slots=True)
class Stats:
    """Totals of all finished hunts, and their best and worst bonus by multiplier."""

    totals: Sequence[Total]
    best: Bonus | None
    worst: Bonus | None


def get_stats(work: Work) -> Stats:
    """Totals per currency, the one with the most hunts first."""
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
        totals=sorted(totals, key=lambda total: (-total.hunts, total.currency)),
        best=work.scalar(opened.order_by(ratio.desc(), *order)),
        worst=work.scalar(opened.order_by(ratio, *order)),
    )
