"""What viewers see of their tickets."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.kit.errors import Refusal
from core.kit.paginator import nearest_page
from core.kit.words import _
from core.people import actions as people
from core.people import store as people_store
from core.people.records import Viewer
from core.raffle import store as raffles
from core.raffle.current import get_shown
from core.raffle.ledger import earning, reading
from core.raffle.ledger.reading import Entry, Own, Place, Pool
from core.raffle.records import Period

ROWS_A_PAGE = 12

MOST_PAGES = 999_999
"""The number of a page has at most six digits in its button."""


def find_asked(
    tx: Connection, guild_id: int, who: str | None, asker_id: int, *, is_admin: bool
) -> Viewer | None:
    """Whose tickets are meant: the asker's own (None where they are not linked), or anybody's for
    an admin.

    Raises:
        Refusal: nobody is called so, or the asker may not ask about others.
    """
    if who is not None and is_admin:
        return people.find_person(tx, guild_id, who)
    link = people_store.find_link(tx, guild_id, asker_id)
    if who is not None and not _is_own(who, asker_id, link.viewer_name if link else ""):
        raise Refusal(
            _("Only moderators see the tickets of others."),
            _("`/raffleboard` shows who has most."),
        )
    return people_store.get_viewer(tx, guild_id, link.viewer_id) if link else None


def _is_own(who: str, asker_id: int, name: str) -> bool:
    return people.discord_id_in(who) == asker_id or people_store.fold(who) == people_store.fold(
        name
    )


def require_own(
    tx: Connection, guild_id: int, viewer_id: int, asker_id: int, *, is_admin: bool
) -> None:
    """Everybody sees their own tickets, and admins those of others.

    Raises:
        Refusal: it is somebody else's account.
    """
    link = people_store.find_link(tx, guild_id, asker_id)
    if not is_admin and (link is None or link.viewer_id != viewer_id):
        raise Refusal(_("These are somebody else's tickets."), _("Use `/tickets` or `/why`."))


@dataclass(frozen=True, slots=True)
class Standing:
    """A viewer's card.

    Attributes:
        own: tickets, place, and where they came from.
        until_next: how much more watching brings a ticket; None where none does.
        ended: the raffle is over.
    """

    viewer: Viewer
    period: Period
    own: Own
    until_next: timedelta | None
    ended: bool


def standing(tx: Connection, guild_id: int, viewer: Viewer, now: datetime) -> Standing:
    """How a viewer stands in the raffle that runs, or in the last one.

    Raises:
        Refusal: there has been none.
    """
    period = get_shown(tx, guild_id, now)
    takes = period.state == "open" and period.starts_at <= now < period.ends_at
    return Standing(
        viewer,
        period,
        reading.get_own(tx, guild_id, period.number, viewer.viewer_id, now),
        earning.until_next(tx, period, viewer.viewer_id, now) if takes else None,
        period.ends_at <= now,
    )


@dataclass(frozen=True, slots=True)
class Why:
    """A page of the entries behind somebody's tickets, newest first."""

    viewer: Viewer
    number: int
    tickets: int
    rows: Sequence[Entry]
    page: int
    pages: int


def why(
    tx: Connection,
    guild_id: int,
    viewer_id: int,
    asker_id: int,
    raffle: int | None,
    page: int,
    now: datetime,
    *,
    is_admin: bool,
) -> Why:
    """Why somebody has so many tickets, in the raffle of this number or the present one.

    Raises:
        Refusal: there has been no raffle, or it is somebody else's account.
    """
    require_own(tx, guild_id, viewer_id, asker_id, is_admin=is_admin)
    number = _get_raffle(tx, guild_id, raffle, now).number
    count, tickets = reading.count_rows(tx, guild_id, number, viewer_id)
    page, pages = nearest_page(page, count, ROWS_A_PAGE)
    rows = reading.list_rows(tx, guild_id, number, viewer_id, ROWS_A_PAGE, (page - 1) * ROWS_A_PAGE)
    viewer = people_store.get_viewer(tx, guild_id, viewer_id)
    return Why(viewer, number, tickets, rows, page, pages)


@dataclass(frozen=True, slots=True)
class Board:
    """A page of who has most tickets.

    Attributes:
        own: the asker's place, if they have one.
        linked: the asker has linked an account.
        ended: the raffle is over.
    """

    period: Period
    places: Sequence[Place]
    pool: Pool
    own: Place | None
    linked: bool
    page: int
    pages: int
    ended: bool


def board(
    tx: Connection,
    guild_id: int,
    asker_id: int,
    size: int,
    raffle: int | None,
    page: int,
    now: datetime,
) -> Board:
    """A page of the raffle of this number, or of the present one; one that is not there is the
    nearest that is.

    Raises:
        Refusal: there has been no raffle.
    """
    period = _get_raffle(tx, guild_id, raffle, now)
    link = people_store.find_link(tx, guild_id, asker_id)
    pool = reading.get_pool(tx, guild_id, period.number, now)
    page, pages = nearest_page(page, min(pool.viewers, MOST_PAGES * size), size)
    own_id = link.viewer_id if link else None
    skip = (page - 1) * size
    places, own = reading.list_places(tx, guild_id, period.number, size, skip, own_id, now)
    return Board(period, places, pool, own, link is not None, page, pages, period.ends_at <= now)


def _get_raffle(tx: Connection, guild_id: int, number: int | None, now: datetime) -> Period:
    found = None if number is None else raffles.find_period(tx, guild_id, number)
    return found or get_shown(tx, guild_id, now)


@dataclass(frozen=True, slots=True)
class Stats:
    """The raffle in numbers, or a viewer's raffles.

    Attributes:
        sources: where all tickets came from.
        raffles: newest first.
    """

    viewer: Viewer | None
    pool: Pool | None
    sources: Sequence[tuple[str, int]]
    raffles: Sequence[reading.Taken]


def stats(tx: Connection, guild_id: int, viewer: Viewer | None, now: datetime) -> Stats:
    """All raffles of a viewer, or of the server.

    Raises:
        Refusal: there has been no raffle.
    """
    period = get_shown(tx, guild_id, now)
    viewer_id = viewer.viewer_id if viewer else None
    return Stats(
        viewer,
        reading.get_pool(tx, guild_id, period.number, now) if viewer is None else None,
        reading.list_sources(tx, guild_id, viewer_id, None if viewer else period.number),
        reading.list_taken(tx, guild_id, viewer_id),
    )
