"""A draw's bundle, a viewer's own entry in a list, and past raffles."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import NamedTuple

from core.draws import picks, secrets
from core.draws.snapshot import instant
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people import store as people
from core.people.names import Names, public_names
from core.raffle import store as raffles
from core.raffle.actions import Config
from core.raffle.draw import store
from core.raffle.draw.frozen import find_frozen
from core.raffle.draw_records import WINNING
from core.raffle.draw_records import Pick as Drawn
from core.raffle.records import Period

MAX_SEARCHED_LISTS = 12
"""Number of lists searched for an entry, newest first, if no raffle is given."""

_NOT_WON: dict[str, picks.Result] = {"drawn": "waiting", "expired": "expired"}


def make_bundle(work: Work, config: Config, number: int) -> bytes:
    """All data needed to repeat a draw."""
    raffle = find_frozen(work, config, number)
    assert raffle is not None, "a list is frozen before the draw"
    assert raffle.period.drawn_at is not None, "the seed is secret until then"
    published = [_published(pick, raffle.salt) for pick in store.list_picks(work, number)]
    snapshot = store.get_snapshot(work, number)
    return picks.bundle(snapshot, raffle.seed, raffle.draw.random, published)


def _published(pick: Drawn, salt: bytes) -> picks.Pick:
    """Publish winners' accounts unless they were erased. An account that replaced the winner's is
    published without its secret number, so that the verifier reports it."""
    if pick.state == "skipped":
        return picks.Pick(pick.k, pick.pseudonym, "skipped", pick.reason)
    result = _NOT_WON.get(pick.state, "won")
    shown = replace(
        picks.Pick.of(salt, pick.k, pick.account, pick.claimant, result),
        since=_whole_second(pick.claimable_since),
        until=_whole_second(pick.expires_at),
    )
    if not pick.account:
        return replace(shown, pseudonym=pick.pseudonym, account=None, secret=None)
    if shown.pseudonym != pick.pseudonym:
        return replace(shown, pseudonym=pick.pseudonym, secret=None)
    return shown


def _whole_second(at: datetime | None) -> str | None:
    return instant(at.replace(microsecond=0)) if at else None


class Proof(NamedTuple):
    """A viewer's own entry.

    Attributes:
        secret: the secret number, shown only to the owner, like `claimant_secret`.
        claimant: the code of the member who may claim, as the list has it; None in an older list.
        claimant_secret: makes the code together with `claimant_account`; empty if the code is
            another member's.
    """

    number: int
    pseudonym: str
    tickets: int
    secret: str
    account: str
    page: str
    claimant: str | None
    claimant_secret: str
    claimant_account: str


def get_proof(work: Work, config: Config, number: int | None) -> Proof:
    """The actor's entry in this raffle, or in the newest frozen list that has one. Raises
    Refusal if there is none."""
    link = people.find_link(work, work.actor)
    if link is None:
        raise Refusal(_("You haven't linked an account."), _("Link one with `/link`."))
    viewers = people.list_accounts_of(work.tx, work.guild_id, link.viewer_id)
    accounts = [f"{viewer.platform}:{viewer.platform_user_id}" for viewer in viewers]
    for period in store.list_frozen_periods(work, MAX_SEARCHED_LISTS, number):
        salt = config.decrypt(period.sealed_salt)
        for account in accounts:  # the list names one of them
            secret = secrets.secret_number(salt, account)
            pseudonym = secrets.pseudonym(secret, account)
            tickets = store.find_tickets_of_line(work, period.number, pseudonym)
            if tickets is not None:
                member = secrets.claimant_account(work.actor)
                code = store.find_claimant_of_line(work, period.number, pseudonym)
                is_own = code == secrets.claimant(salt, work.actor)
                return Proof(
                    period.number,
                    pseudonym,
                    tickets,
                    secret,
                    account,
                    config.page_of(period.public_id),
                    code,
                    secrets.secret_number(salt, member) if is_own else "",
                    member,
                )
    raise Refusal(
        _("{name} isn't in any frozen list.").format(name=link.viewer_name),
        _("Lists are frozen after a raffle ends."),
    )


class Past(NamedTuple):
    """A frozen or drawn raffle, and when its list was frozen: more than once only if the database
    was modified."""

    period: Period
    page: str
    freezes: Sequence[datetime]
    winners: Sequence[Drawn]
    names: Names

    @property
    def winner_names(self) -> list[str]:
        return [self.names[pick.viewer_id] for pick in self.winners]


def list_past(work: Work, config: Config, maximum: int) -> list[Past]:
    """The latest raffles, newest first, with the winners' public names."""
    found = []
    for period in store.list_frozen_periods(work, maximum):
        picks = store.list_picks(work, period.number)
        winners = [pick for pick in picks if pick.state in WINNING]
        freezes = [freeze.at for freeze in raffles.list_freezes(work, period.number)]
        names = public_names(work, [pick.viewer_id for pick in winners])
        page = config.page_of(period.public_id)
        found.append(Past(period, page, freezes, winners, names))
    return found
