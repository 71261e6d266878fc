"""Compares a raffle's draw in the database with what was published.

Whatever decides who wins is checked before anything is done with it, so that editing the database
cannot change a result.
"""

from collections.abc import Iterator
from itertools import islice

from core.draws import checks, secrets
from core.draws.checks import Tampered
from core.draws.picks import draw_order
from core.draws.rounds import find_chain
from core.draws.snapshot import Entrants, Terms, make_header
from core.kit.errors import Refusal
from core.kit.records import ViewerId
from core.kit.words import _
from core.kit.work import Work
from core.raffle import store as raffle
from core.raffle.config import Config
from core.raffle.draw import store
from core.raffle.draw.records import Draw, Pick
from core.raffle.records import Announcement, Period


def seed_of(work: Work, config: Config, number: int) -> bytes:
    """Secret until the draw."""
    return config.decrypt(_sealed(work, number).sealed_seed)


def salt_of(work: Work, config: Config, number: int) -> bytes:
    """Never published."""
    return config.decrypt(_sealed(work, number).sealed_salt)


def _sealed(work: Work, number: int) -> Period:
    found = work.find(Period, number)
    assert found is not None, "periods are never deleted"
    return found


def terms_of(period: Period, draw: Draw, plan: Announcement | None) -> Terms:
    """The terms of the frozen list. `plan` is the one that was announced last."""
    return Terms(
        server=secrets.server_pseudonym(period.guild_id),
        number=period.number,
        starts_at=period.starts_at,
        ends_at=period.ends_at,
        prize=period.prize,
        winners=period.winners_wanted,
        commitment=period.commitment,
        announced=plan.plan if plan else None,
        frozen_at=draw.frozen_at,
        chain=draw.chain,
        round=draw.round,
    )


def freeze_announcement(draw: Draw) -> Announcement:
    """What is recorded when a list is frozen."""
    return Announcement(
        period=draw.period,
        kind="frozen",
        at=draw.frozen_at,
        chain=draw.chain,
        round=draw.round,
        round_at=draw.round_at,
        snapshot_hash=draw.snapshot_hash,
    )


def check_draw(work: Work, config: Config, period: Period, draw: Draw) -> Entrants:
    """The frozen list, after everything that decides was compared with what was published.

    Raises:
        Refusal: the list, its terms, the seed or the beacon's number is not as published.
    """
    freezes = raffle.list_freezes(work, draw.period)
    plan = raffle.find_plan(work, draw.period)
    header = make_header(terms_of(period, draw, plan), draw.entrants, draw.tickets)
    snapshot = store.get_snapshot(work, draw.period)
    try:
        if not freezes or freezes[-1].content != freeze_announcement(draw).content:
            raise Tampered(_("the freeze is not the one that was announced"))
        entrants = checks.check_snapshot(snapshot, draw.snapshot_hash, header)
        checks.check_seed(seed_of(work, config, draw.period), period.commitment)
        if draw.random is not None:
            chain = find_chain(draw.chain, config.chain)
            if chain is None:
                raise other_beacon(period.number)
            checks.check_round(chain, draw.random)
    except Tampered as found:
        raise _tampered(period, str(found)) from found
    return entrants


def other_beacon(number: int) -> Refusal:
    """The configured beacon is not the one that was announced."""
    return Refusal(
        _("Raffle #{number} was announced with another beacon.").format(number=number),
        _("Set DRAND_CHAIN to its value when the list was frozen."),
    )


def _tampered(period: Period, what: str) -> Refusal:
    return Refusal(
        _("Raffle #{number} cannot be drawn: {what}.").format(number=period.number, what=what),
        _("Somebody changed the database, so nothing is drawn."),
    )


def order_of(work: Work, config: Config, draw: Draw, entrants: Entrants) -> Iterator[str]:
    """All pseudonyms in the order in which they are drawn."""
    seed = seed_of(work, config, draw.period)
    return draw_order(seed, draw.snapshot_hash, draw.randomness, entrants)


def check_owners(
    work: Work, config: Config, period: Period, entrants: Entrants
) -> dict[str, ViewerId]:
    """Pseudonym -> viewer id, without accounts that were erased since.

    Raises:
        Refusal: a line's tickets are not the sum of its owner's entries.
    """
    salt = salt_of(work, config, period.number)
    tickets: dict[str, int] = {}
    viewer_ids: dict[str, ViewerId] = {}
    erased: list[int] = []
    for held in store.list_held(work, period.number):
        if held.erased:
            erased += held.tickets
            continue
        pseudonyms = list(secrets.pseudonyms(salt, held.accounts))
        tickets.update(zip(pseudonyms, held.tickets, strict=True))
        viewer_ids.update(zip(pseudonyms, held.viewer_ids, strict=True))
    if checks.count_mismatches(entrants, tickets, erased):
        raise _tampered(period, _("the frozen tickets are not the sum of the ledger's entries"))
    return viewer_ids


def check_winner(work: Work, config: Config, period: Period, draw: Draw, pick: Pick) -> None:
    """Repeat the draw, and compare a winner's row with it.

    Raises:
        Refusal: somebody else was drawn.
    """
    order = order_of(work, config, draw, check_draw(work, config, period, draw))
    check_position(period, pick, next(islice(order, pick.k - 1, None), None))
    check_winner_row(work, config, period, pick)


def check_position(period: Period, pick: Pick, drawn: str | None) -> None:
    """
    Raises:
        Refusal: the pseudonym that is drawn at this position is not that of the row.
    """
    if drawn != pick.pseudonym:
        raise _replaced(period, pick)


def check_winner_row(work: Work, config: Config, period: Period, pick: Pick) -> None:
    """Check that a row still names the account and the member that were drawn, without repeating
    the draw.

    Raises:
        Refusal: it names somebody else.
    """
    if is_replaced(salt_of(work, config, period.number), pick):
        raise _replaced(period, pick)


def is_replaced(salt: bytes, pick: Pick) -> bool:
    """Whether a row names another account or another member than were drawn."""
    if pick.state == "skipped":
        return False
    member = pick.discord_id
    return (
        pick.viewer_id is None
        or (not pick.erased and secrets.pseudonym_of(salt, pick.account) != pick.pseudonym)
        or (member is not None and secrets.claimant(salt, member) != pick.claimant)
    )


def _replaced(period: Period, pick: Pick) -> Refusal:
    return _tampered(period, _("winner {k} is not the one who was drawn").format(k=pick.k))
