"""Views of watchtime: a viewer's status, the leaderboard, the server's overview."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import cast, get_args

from core.guilds.actions import load_settings, time_zone_of
from core.guilds.store import find_channel
from core.kit.database.work import Work
from core.kit.discord.leaderboard import MAX_ROWS
from core.kit.discord.paginator import nearest_page
from core.kit.errors import Refusal
from core.kit.goals import Goal, NextGoal
from core.kit.text.calendar import Stretch, day_around, midnight, month_around
from core.kit.text.words import _
from core.people import actions as people
from core.people.exclusions.actions import is_excluded, list_excluded
from core.people.names import all_names, list_hidden, named_only, own_name
from core.people.records import Viewer
from core.people.store import get_viewer, list_accounts_of, list_persons
from core.watchtime import periods, rules, standings, streams
from core.watchtime.actions import list_limits
from core.watchtime.periods import Page
from core.watchtime.rules import Period, WatchtimeSettings, limited_days
from core.watchtime.standings import Place, Rank, Totals
from core.watchtime.streams import Entry, Stream

MAX_PAGES = 100
"""Of the leaderboard; viewers further down see their own rank below."""

ENTRIES = 8
"""Lines per page of the history."""


# -- a viewer -------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """A person's watchtime, with all of their accounts.

    Attributes:
        viewer: the account that was asked about.
        this_month: watchtime of this month, in the server's time zone.
        stream: the newest stream of their platforms, or the one that is live; None before the
            first.
        watched_of_stream: credited watchtime of that stream.
        spoke_at: the newest message; None if the viewer never earned watchtime.
        counted_until: minutes count now, and until then without another message.
        window: time that a message counts for.
        enabled: chatting earns watchtime here.
        is_streamer: the channel is theirs, and their own time is not counted.
        limit_ends_at: the day's limit is reached, and this is when the next day begins.
        goal: the next goal, such as a role.
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


def get_status(work: Work, viewer: Viewer, goals: Sequence[NextGoal] = ()) -> Status:
    """A person's credited watchtime, and whether they are counted now."""
    here = (work.tx, work.guild_id)
    accounts = list_accounts_of(*here, viewer.viewer_id)
    ids = [account.viewer_id for account in accounts]
    settings = load_settings(work, WatchtimeSettings)
    newest = streams.list_newest_streams(*here)
    platforms = {account.platform for account in accounts}
    theirs = [known for known in newest if known.platform in platforms]
    live = [known.platform for known in theirs if known.is_live]
    stream = max(theirs, key=lambda their: (their.is_live, their.started_at), default=None)
    channels = {platform: find_channel(*here, platform) for platform in platforms}
    rank = standings.get_rank(*here, viewer.viewer_id)
    promised = [goal for find in goals if (goal := find(work.tx, work.guild_id, rank.watched))]
    limit_ends_at = _find_limit_end(work, viewer.viewer_id)
    excluded = is_excluded(work, viewer.viewer_id, "watchtime")
    counts = bool(live) and not excluded and limit_ends_at is None
    return Status(
        viewer=viewer,
        rank=rank,
        this_month=_watched_this_month(work, viewer.viewer_id),
        stream=stream,
        watched_of_stream=streams.get_watched_of_stream(work.tx, stream, ids),
        spoke_at=streams.find_spoke_at(*here, ids),
        counted_until=(streams.find_present_until(*here, ids, live, work.now) if counts else None),
        window=timedelta(minutes=settings.window_minutes),
        enabled=settings.enabled,
        excluded=excluded,
        is_streamer=any(
            channel is not None and channel.channel_id == account.platform_user_id
            for account in accounts
            for channel in [channels[account.platform]]
        ),
        limit_ends_at=limit_ends_at,
        goal=min(promised, key=lambda goal: goal.watched, default=None),
    )


def _watched_this_month(work: Work, viewer_id: int) -> timedelta:
    month = month_around(work.now, time_zone_of(work))
    found = periods.watched_between(work.tx, work.guild_id, [viewer_id], *month)
    return next(iter(found.values()), timedelta())


def _find_limit_end(work: Work, viewer_id: int) -> datetime | None:
    """When the next day begins, if the person has reached today's limit."""
    limits, moment = list_limits(work.tx, work.guild_id), timedelta.resolution
    for day in limited_days(limits, work.now, work.now + moment):
        given = (work.tx, work.guild_id, viewer_id, day.starts_at, day.ends_at)
        if periods.earned_between(*given) >= day.maximum:
            return day.ends_at
    return None


@dataclass(frozen=True, slots=True)
class Standing:
    """A viewer's watchtime in short.

    Attributes:
        is_hidden: not named in public.
    """

    place: Place
    this_month: timedelta
    is_hidden: bool


def list_standings(work: Work, viewer_ids: Sequence[int]) -> list[Standing]:
    """The standings of the people with these accounts, with the same numbers as `get_status`."""
    month = month_around(work.now, time_zone_of(work))
    in_month = periods.watched_between(work.tx, work.guild_id, viewer_ids, *month)
    hidden = list_hidden(work, viewer_ids)
    return [
        Standing(place, in_month.get(place.viewer_id, timedelta()), place.viewer_id in hidden)
        for place in standings.list_ranks(work.tx, work.guild_id, viewer_ids)
    ]


# -- the leaderboard ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Board:
    """A page of the leaderboard.

    Attributes:
        period: one of `rules.Period`, or a key of `list_earlier`.
        stretch: the period's time range; None for all time.
        page: counted from 1.
        pages: how many there are.
        own: the asker's line, without a rank before the first minute or if they are excluded; None
            if they have not linked an account.
    """

    period: str
    stretch: Stretch | None
    page: int
    pages: int
    places: Sequence[Place]
    own: Place | None
    is_excluded: bool = False


LAST_STREAMS = 10
"""Streams whose leaderboards can be chosen."""


def list_earlier(work: Work) -> dict[str, Stretch]:
    """The earlier months, such as `2026-10`, and the last streams, by start time."""
    first = periods.find_first_day(work.tx, work.guild_id)
    zone = time_zone_of(work)
    months = rules.months_before(work.now, first, zone) if first else ()
    found = {f"{month.starts_at.astimezone(zone):%Y-%m}": month for month in months}
    last = streams.list_last_streams(work.tx, work.guild_id, LAST_STREAMS)
    return found | {f"{stream.starts_at:%Y-%m-%dT%H:%M:%S}": stream for stream in last}


def _find_stretch(work: Work, period: str) -> tuple[str, Stretch | None]:
    if period in get_args(Period):
        return period, rules.stretch_of(cast("Period", period), work.now, time_zone_of(work))
    earlier = list_earlier(work)
    return (period, earlier[period]) if period in earlier else ("all", None)


def get_board(
    work: Work, period: str = "all", size: int = 10, page: int = 1, search: str = ""
) -> Board:
    """A page of the leaderboard; if it does not exist, the nearest one.

    Args:
        search: the beginning of names.

    Raises:
        Refusal: the size is not 1 to 25.
    """
    if not 1 <= size <= MAX_ROWS:
        raise Refusal(
            _("Choose 1 to {maximum} rows per page.").format(maximum=MAX_ROWS),
            _("Try `/leaderboard top:10`."),
        )
    period, stretch = _find_stretch(work, period)
    own = people.find_own(work)
    page = min(page, MAX_PAGES)

    def read(number: int) -> Page:
        if search:
            skipped = max(0, number - 1) * size
            return periods.find_places(work.tx, work.guild_id, stretch, search, size, skipped)
        return _read_page(work, stretch, size, number, own)

    found = read(page)
    number, pages = nearest_page(page, min(found.ranked, MAX_PAGES * size), size)
    if number != page:
        found = read(number)
    place, excluded = found.own, False
    if own is not None and place is None:
        place = Place(None, own.viewer_id, own.name, timedelta())
        excluded = is_excluded(work, own.viewer_id, "watchtime")
    return Board(period, stretch, number, pages, found.places, place, excluded)


def get_full_board(
    work: Work, period: str = "all", size: int = 10, page: int = 1, search: str = ""
) -> Board:
    """The leaderboard for admins, with the platform if a name occurs twice."""
    found = get_board(work, period, size, page, search)
    names = all_names(work, [place.viewer_id for place in found.places])
    return replace(
        found, places=[replace(place, name=names[place.viewer_id]) for place in found.places]
    )


def list_board(work: Work, period: str, search: str, maximum: int) -> list[Place]:
    """The leaderboard without pages, from rank 1."""
    _period, stretch = _find_stretch(work, period)
    if search:
        found = periods.find_places(work.tx, work.guild_id, stretch, search, maximum, 0)
        return found.places
    return _read_page(work, stretch, maximum, 1, None).places


def get_public_board(work: Work, period: str, size: int, page: int) -> Board:
    """A page without viewers who hide their name; the others keep their ranks. The asker always
    gets their own rank, without a name if it is hidden."""
    found = get_board(work, period, size, page)
    places, names = named_only(work, found.places)
    own = found.own and replace(found.own, name=own_name(work, found.own.viewer_id))
    shown = [replace(place, name=names[place.viewer_id]) for place in places]
    return replace(found, places=shown, own=own)


def _read_page(
    work: Work, stretch: Stretch | None, size: int, page: int, own: Viewer | None
) -> Page:
    here, offset = (work.tx, work.guild_id), max(0, page - 1) * size
    if stretch is not None:
        own_id = own.viewer_id if own else None
        return periods.read_page(*here, stretch, size, offset, own_id)
    places = standings.list_places(*here, size, offset)
    ranked = standings.count_ranked(*here, maximum=MAX_PAGES * size)
    if own is None:
        return Page(places, ranked, None)
    rank, watched = standings.get_place(*here, own.viewer_id)
    return Page(places, ranked, Place(rank, own.viewer_id, own.name, watched) if rank else None)


# -- the server -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Overview:
    """Watchtime in a server.

    Attributes:
        streams: the newest stream of each platform.
        counted_now: viewers whose minutes count right now.
        excluded: how many accounts and names earn nothing.
    """

    settings: WatchtimeSettings
    streams: tuple[Stream, ...]
    counted_now: int
    totals: Totals
    time_zone: str = "UTC"
    excluded: int = 0

    @property
    def window(self) -> timedelta:
        return timedelta(minutes=self.settings.window_minutes)


@dataclass(frozen=True, slots=True)
class Present:
    """The newest stream of each platform, and how many viewers' minutes count right now."""

    streams: tuple[Stream, ...]
    counted_now: int

    @property
    def is_live(self) -> bool:
        return any(stream.is_live for stream in self.streams)


def get_present(work: Work) -> Present:
    """Who is present now."""
    newest = tuple(streams.list_newest_streams(work.tx, work.guild_id))
    live = [stream.platform for stream in newest if stream.is_live]
    counted = streams.count_present(work.tx, work.guild_id, live, work.now) if live else 0
    return Present(newest, counted)


def get_today(work: Work) -> Totals:
    """The watchtime credited today."""
    return periods.earned_by_all(work.tx, work.guild_id, day_around(work.now, time_zone_of(work)))


CHART_POINTS = 48


def get_viewers_over_time(work: Work) -> tuple[Stream | None, list[tuple[datetime, int]]]:
    """The current or last stream, and the number of viewers over its course."""
    newest = streams.list_newest_streams(work.tx, work.guild_id)
    by_time = sorted(newest, key=lambda known: (known.is_live, known.started_at))
    stream = by_time[-1] if by_time else None
    if stream is None:
        return None, []
    ends_at = work.now if stream.is_live else stream.ended_at or stream.seen_at
    return stream, streams.count_over_time(work.tx, stream, ends_at, CHART_POINTS)


def get_overview(work: Work) -> Overview:
    """The server's overview."""
    present = get_present(work)
    return Overview(
        settings=load_settings(work, WatchtimeSettings),
        streams=present.streams,
        counted_now=present.counted_now,
        totals=standings.get_totals(work.tx, work.guild_id),
        time_zone=time_zone_of(work).key,
        excluded=list_excluded(work, "watchtime").count,
    )


# -- the history ----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class History:
    """A page of a viewer's history. `page` counts from 1."""

    viewer: Viewer
    watched: timedelta
    page: int
    pages: int
    entries: Sequence[Entry]


def get_history(work: Work, viewer_id: int, number: int, *, is_admin: bool) -> History:
    """Newest first; if the page does not exist, the nearest one.

    Raises:
        NoResultFound: the server has no such viewer.
        Refusal: the account is not, or no longer, the asker's, and they are not an admin.
    """
    own = people.find_own(work)
    theirs = list_persons(work.tx, work.guild_id, [own.viewer_id]) if own else ()
    if not is_admin and viewer_id not in theirs:
        raise Refusal(_("This is somebody else's history."), _("See yours with `/watchhistory`."))
    viewer = get_viewer(work.tx, work.guild_id, viewer_id)
    page, pages = nearest_page(number, streams.count_entries(work.tx, viewer), ENTRIES)
    entries = streams.list_entries(work.tx, viewer, ENTRIES, (page - 1) * ENTRIES)
    watched = standings.get_watched(work.tx, work.guild_id, viewer_id)
    return History(viewer, watched, page, pages, entries)


CHART_DAYS = 30


def get_days(work: Work, viewer: Viewer) -> list[tuple[date, timedelta]]:
    """A viewer's credited watchtime on each of the last days, without corrections; oldest first."""
    zone = time_zone_of(work)
    today = work.now.astimezone(zone).date()
    days = [today - timedelta(days=number) for number in reversed(range(CHART_DAYS))]
    found = streams.watched_by_day(work.tx, viewer, midnight(days[0], zone), zone.key)
    return [(day, found.get(day, timedelta())) for day in days]
