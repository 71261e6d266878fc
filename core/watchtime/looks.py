"""What there is to see of watchtime: a viewer's card, the leaderboard, the server at a glance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds.actions import setting, time_zone_of
from core.guilds.store import find_channel
from core.kit.errors import Refusal
from core.kit.feature import Goal, NextGoal
from core.kit.paginator import nearest_page
from core.kit.words import _
from core.kit.work import Work
from core.people import actions as people
from core.people.exclusions.actions import is_excluded, list_excluded
from core.people.records import Viewer
from core.people.store import find_link, get_viewer
from core.watchtime import history, periods, rules, standings, streams
from core.watchtime.actions import window
from core.watchtime.history import Entry
from core.watchtime.limits import find_today
from core.watchtime.periods import Page, Place
from core.watchtime.rules import Period, Stretch
from core.watchtime.settings import DAILY_LIMIT_MINUTES, ENABLED
from core.watchtime.standings import Rank, Totals
from core.watchtime.streams import Stream

MOST_PLACES = 25
"""Lines of a page of the leaderboard."""

MOST_PAGES = 100
"""Who is further down is told their own place below."""

ENTRIES = 8
"""Lines of a page of the history."""


def find_own(tx: Connection, guild_id: int, discord_id: int) -> Viewer | None:
    """The account that a member has linked."""
    link = find_link(tx, guild_id, discord_id)
    return get_viewer(tx, guild_id, link.viewer_id) if link else None


def find_asked(
    tx: Connection, guild_id: int, who: str | None, asker_id: int, *, is_admin: bool
) -> Viewer | None:
    """Whose watchtime is asked for: one's own, which is None while nothing is linked; an admin may
    ask for anybody's.

    Raises:
        Refusal: it is somebody else's, or nobody is meant.
    """
    own = find_own(tx, guild_id, asker_id)
    if who is None or people.discord_id_in(who) == asker_id:
        return own
    if is_admin:
        return people.find_person(tx, guild_id, who)
    if own is not None and own.name.casefold() == who.strip().removeprefix("@").casefold():
        return own
    raise Refusal(
        _("Looking up somebody else is for moderators."),
        _("Your own: `/watchtime`. Everybody's places: `/leaderboard`."),
    )


@dataclass(frozen=True, slots=True)
class Standing:
    """A viewer's card.

    Attributes:
        viewer: whose.
        rank: total and place.
        this_month: what counts of this month, in the server's time zone.
        stream: the newest stream of the viewer's platform; None before the first.
        watched_of_stream: what of that stream has been credited.
        spoke_at: the newest message; None when the viewer never earned.
        counted_until: minutes count right now, and do so until then without another message.
        window: for how long a message counts.
        enabled: chatting earns watchtime here.
        excluded: this account earns nothing.
        is_streamer: the channel is theirs, and their own time is not counted.
        limit_ends_at: the day's limit is reached, and this is when the next day begins.
        goal: what comes next, such as a role.
    """

    viewer: Viewer
    rank: Rank
    this_month: timedelta
    stream: Stream | None
    watched_of_stream: timedelta
    spoke_at: datetime | None
    counted_until: datetime | None
    window: timedelta
    enabled: bool = True
    excluded: bool = False
    is_streamer: bool = False
    limit_ends_at: datetime | None = None
    goal: Goal | None = None


def standing(
    tx: Connection, viewer: Viewer, now: datetime, goals: Sequence[NextGoal] = ()
) -> Standing:
    """How a viewer stands, as credited."""
    guild_id, here = viewer.guild_id, (tx, viewer.guild_id, viewer.viewer_id)
    newest = streams.list_newest_streams(tx, guild_id)
    stream = next((one for one in newest if one.platform == viewer.platform), None)
    rank = standings.get_rank(*here)
    limit_ends_at = _find_limit_end(*here, now)
    excluded = _is_excluded(*here, now)
    counts = stream is not None and stream.is_live and not excluded and limit_ends_at is None
    return Standing(
        viewer=viewer,
        rank=rank,
        this_month=_watched_in("month", *here, now),
        stream=stream,
        watched_of_stream=(
            streams.get_watched_of_stream(tx, stream, viewer.viewer_id) if stream else timedelta()
        ),
        spoke_at=streams.find_spoke_at(*here),
        counted_until=streams.find_present_until(*here, now) if counts else None,
        window=window(tx, guild_id),
        enabled=setting(tx, guild_id, ENABLED),
        excluded=excluded,
        is_streamer=_is_streamer(tx, viewer),
        limit_ends_at=limit_ends_at,
        goal=_next_goal(tx, guild_id, rank.watched, goals),
    )


def _is_excluded(tx: Connection, guild_id: int, viewer_id: int, now: datetime) -> bool:
    with Work(tx, guild_id, now=now) as work:
        return is_excluded(work, viewer_id, "watchtime")


def _is_streamer(tx: Connection, viewer: Viewer) -> bool:
    channel = find_channel(tx, viewer.guild_id, viewer.platform)
    return channel is not None and channel.channel_id == viewer.platform_user_id


def _watched_in(
    period: Period, tx: Connection, guild_id: int, viewer_id: int, now: datetime
) -> timedelta:
    stretch = rules.stretch_of(period, now, time_zone_of(tx, guild_id))
    assert stretch is not None
    found = periods.watched_between(tx, guild_id, [viewer_id], stretch.starts_at, stretch.ends_at)
    return found.get(viewer_id, timedelta())


def _find_limit_end(
    tx: Connection, guild_id: int, viewer_id: int, now: datetime
) -> datetime | None:
    """When the next day begins, where the viewer has reached today's limit."""
    today = find_today(tx, guild_id, now)
    if today is None:
        return None
    earned = periods.earned_between(tx, guild_id, viewer_id, today.starts_at, today.ends_at)
    return today.ends_at if earned >= today.most else None


def _next_goal(
    tx: Connection, guild_id: int, watched: timedelta, goals: Sequence[NextGoal]
) -> Goal | None:
    """The nearest of what the features promise."""
    found = [goal for one in goals if (goal := one(tx, guild_id, watched))]
    return min(found, key=lambda goal: goal.watched, default=None)


@dataclass(frozen=True, slots=True)
class Own:
    """The asker's line below a leaderboard; `rank` is None without a minute and for who is
    excluded."""

    name: str
    rank: int | None = None
    watched: timedelta = timedelta()
    excluded: bool = False


@dataclass(frozen=True, slots=True)
class Board:
    """A page of the leaderboard.

    Attributes:
        period: which one.
        stretch: its instants; None for all time.
        size: places of a full page.
        page: counted from 1.
        pages: how many there are.
        places: of this page.
        own: the asker's; None while they have not linked an account.
    """

    period: Period
    stretch: Stretch | None
    size: int
    page: int
    pages: int
    places: Sequence[Place]
    own: Own | None


def leaderboard(
    tx: Connection,
    guild_id: int,
    asker_id: int,
    now: datetime,
    *,
    period: Period = "all",
    size: int = 10,
    page: int = 1,
) -> Board:
    """Who watched longest; a page that is not there is the nearest one that is.

    Raises:
        Refusal: the size is not 1 to 25.
    """
    if not 1 <= size <= MOST_PLACES:
        raise Refusal(
            _("A leaderboard has 1 to {most} places.").format(most=MOST_PLACES),
            _("Try `/leaderboard top:10`."),
        )
    stretch = rules.stretch_of(period, now, time_zone_of(tx, guild_id))
    own = find_own(tx, guild_id, asker_id)
    look = _look_at_all_time if stretch is None else _look_at_period
    found = look(tx, guild_id, stretch, size, page, own)
    there, pages = nearest_page(page, min(found.ranked, MOST_PAGES * size), size)
    if there != page:
        found = look(tx, guild_id, stretch, size, there, own)
    return Board(period, stretch, size, there, pages, found.places, _own(tx, own, found.own, now))


def _look_at_period(
    tx: Connection, guild_id: int, stretch: Stretch | None, size: int, page: int, own: Viewer | None
) -> Page:
    assert stretch is not None
    own_id = own.viewer_id if own else None
    return periods.read_page(tx, guild_id, stretch, size, max(0, page - 1) * size, own_id)


def _look_at_all_time(
    tx: Connection,
    guild_id: int,
    _stretch: Stretch | None,
    size: int,
    page: int,
    own: Viewer | None,
) -> Page:
    places = standings.list_places(tx, guild_id, size, max(0, page - 1) * size)
    ranked = standings.count_ranked(tx, guild_id, at_most=MOST_PAGES * size)
    if own is None:
        return Page(places, ranked, None)
    rank, watched = standings.get_place(tx, guild_id, own.viewer_id)
    return Page(places, ranked, Place(rank, own.viewer_id, own.name, watched) if rank else None)


def _own(tx: Connection, viewer: Viewer | None, place: Place | None, now: datetime) -> Own | None:
    if viewer is None:
        return None
    if place is not None:
        return Own(viewer.name, place.rank, place.watched)
    return Own(viewer.name, excluded=_is_excluded(tx, viewer.guild_id, viewer.viewer_id, now))


@dataclass(frozen=True, slots=True)
class Overview:
    """How watchtime stands in a server.

    Attributes:
        enabled: chatting earns watchtime here.
        streams: the newest stream of each platform.
        counted_now: viewers whose minutes count right now.
        totals: everything credited.
        window: for how long a message counts.
        daily_limit: what counts of a day; nothing for all of it.
        time_zone: whose days, weeks and months they are.
        excluded: how many accounts and names earn nothing.
    """

    enabled: bool
    streams: tuple[Stream, ...]
    counted_now: int
    totals: Totals
    window: timedelta
    daily_limit: timedelta = timedelta()
    time_zone: str = "UTC"
    excluded: int = 0


def overview(tx: Connection, guild_id: int, now: datetime) -> Overview:
    """The server at a glance."""
    with Work(tx, guild_id, now=now) as work:
        excluded = list_excluded(work, "watchtime").count
    newest = tuple(streams.list_newest_streams(tx, guild_id))
    return Overview(
        enabled=setting(tx, guild_id, ENABLED),
        streams=newest,
        counted_now=sum(
            streams.count_present(tx, guild_id, stream.platform, now)
            for stream in newest
            if stream.is_live
        ),
        totals=standings.get_totals(tx, guild_id),
        window=window(tx, guild_id),
        daily_limit=timedelta(minutes=setting(tx, guild_id, DAILY_LIMIT_MINUTES)),
        time_zone=time_zone_of(tx, guild_id).key,
        excluded=excluded,
    )


@dataclass(frozen=True, slots=True)
class History:
    """A page of when and why minutes came. `page` counts from 1."""

    viewer: Viewer
    watched: timedelta
    page: int
    pages: int
    entries: Sequence[Entry]


def history_of(
    tx: Connection, guild_id: int, viewer_id: int, asker_id: int, number: int, *, is_admin: bool
) -> History:
    """The newest first; a page that is not there is the nearest one that is.

    Raises:
        NoResultFound: the server has no such viewer.
        Refusal: the account is not, or no longer, the asker's, who is no admin either.
    """
    own = find_own(tx, guild_id, asker_id)
    if not is_admin and (own is None or own.viewer_id != viewer_id):
        raise Refusal(_("This is not yours to see."), _("Yours is here: `/watchhistory`"))
    viewer = get_viewer(tx, guild_id, viewer_id)
    page, pages = nearest_page(number, history.count_entries(tx, viewer), ENTRIES)
    entries = history.list_entries(tx, viewer, ENTRIES, (page - 1) * ENTRIES)
    watched = standings.get_watched(tx, guild_id, viewer_id)
    return History(viewer, watched, page, pages, entries)
