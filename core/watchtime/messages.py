"""Embeds and chat replies."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import discord

from core.kit import leaderboard as kit
from core.kit.discord_ui import ago, card, duration, lines, safe
from core.kit.words import _, plural
from core.watchtime.actions import Adjusted
from core.watchtime.standings import Rank
from core.watchtime.streams import Entry, Stream
from core.watchtime.views import Board, History, Overview, Own, Status

_BAR_CELLS = 10


def status(current: Status) -> discord.Embed:
    """How long a viewer watched, their rank, what comes next, and whether they are counted now."""
    promised = not (current.excluded or current.is_streamer)
    parts = [
        _total(current.rank) if promised or current.rank.watched else "",
        _next(current) if promised else "",
        _this_month(current),
        _now(current),
        _history(current),
        _rule(current.window) if promised and current.enabled else "",
    ]
    return card(
        f"⏱️ {safe(current.viewer.name)}", "\n".join(part for part in parts if part), tone="kick"
    )


def _total(rank: Rank) -> str:
    if not rank.watched:
        return _("No watchtime yet. It fills while the stream is live.")
    total = f"## {_long(rank.watched)}"
    if rank.rank is None:
        return total
    place = _("rank **{rank}** of {ranked}").format(
        rank=f"{rank.rank:,}", ranked=f"{rank.ranked:,}"
    )
    return f"{total}\n{kit.MEDALS.get(rank.rank, '🏅')} {place}"


def _next(current: Status) -> str:
    """A bar towards the next goal, or where there is none towards the next better place."""
    rank, goal = current.rank, current.goal
    if goal is not None:
        missing = _("{time} to {goal}").format(
            time=_long(goal.watched - rank.watched), goal=goal.name
        )
        return f"`{_bar(rank.watched / goal.watched)}` {missing}"
    if rank.rank is None or rank.ahead is None:
        return ""
    missing = _("{time} behind the next place").format(time=_long(rank.ahead - rank.watched))
    return f"`{_bar(rank.watched / rank.ahead)}` {missing}"


def _bar(share: float) -> str:
    """`▰▰▰▱▱▱▱▱▱▱ 31 %`; rounded down, so that it is full only when it is done."""
    filled = int(share * _BAR_CELLS)
    return "▰" * filled + "▱" * (_BAR_CELLS - filled) + f" {int(share * 100)} %"


def _this_month(current: Status) -> str:
    if not current.rank.watched:
        return ""
    return "📅 " + _("This month: {time}").format(time=_long(current.this_month))


def _now(current: Status) -> str:
    if current.excluded:
        return "🚫 " + _("Not counted: this account is excluded from watchtime here.")
    if current.is_streamer:
        return "🎙️ " + _("Not counted: the streamer's own time never is.")
    if not current.enabled:
        return "⏸️ " + _("Not counted: watchtime is switched off in this server.")
    if current.counted_until is not None:
        return "🟢 " + _(
            "Live and counted right now; without another message it stops {until}."
        ).format(until=ago(current.counted_until))
    if current.stream is None or not current.stream.is_live:
        return "⚫ " + _("Not counted: the stream is offline.")
    if current.limit_ends_at is not None:
        return "⚪ " + _("Live, but today's limit is reached; it goes on {when}.").format(
            when=ago(current.limit_ends_at)
        )
    return "⚪ " + _("Live, but not counted right now: one message in chat and it goes on.")


def _history(current: Status) -> str:
    rows = []
    if current.stream is not None and current.watched_of_stream:
        which = _("This stream: {time}") if current.stream.is_live else _("Last stream: {time}")
        rows.append(which.format(time=_long(current.watched_of_stream)))
    if current.spoke_at is not None:
        rows.append(_("last seen {ago}").format(ago=ago(current.spoke_at)))
    return " · ".join(rows)


def not_linked(current: Overview) -> discord.Embed:
    """For a member whose account we do not know: how to link, and how counting works."""
    body = [
        _("Link it to see your watchtime, your rank and your next role."),
        _("Nothing is lost until then: minutes are kept with your name on Kick."),
        "",
        *_state(current),
    ]
    return card("🔗 " + _("Your Kick account isn't linked yet"), "\n".join(body), tone="system")


# -- the leaderboard ------------------------------------------------------------------------------


def period_names() -> Mapping[str, str]:
    """In the order in which they are offered."""
    return {"all": _("All time"), "month": _("This month"), "week": _("This week")}


def leaderboard(board: Board) -> kit.Leaderboard:
    """Who watched longest in a period."""
    ends = board.stretch and _("Starts over {when}.").format(when=ago(board.stretch.ends_at))
    return kit.Leaderboard(
        title=_("Most watchtime") + " · " + period_names()[board.period],
        rows=[kit.Row(one.rank, one.name, _long(one.watched)) for one in board.places],
        page=board.page,
        pages=board.pages,
        own=_own(board.own),
        empty=_("No watchtime yet. It fills while the stream is live."),
        note=ends or "",
        choice=board.period,
        choices=period_names(),
    )


def _own(own: Own | None) -> kit.Row | str | None:
    if own is None:
        return None
    if own.excluded:
        return _("excluded from watchtime here")
    if own.rank is None:
        return _("no watchtime yet")
    return kit.Row(own.rank, own.name, _long(own.watched))


# -- the server at a glance -----------------------------------------------------------------------


def overview(current: Overview) -> discord.Embed:
    """What is counted, the stream, the totals, what is set: for an admin."""
    title = _("Watchtime is on") if current.settings.enabled else _("Watchtime is off")
    embed = card(
        ("🟢 " if current.settings.enabled else "⏸️ ") + title,
        "\n".join([*_streams(current), "", *_what_counts(current)]),
        tone="kick" if current.settings.enabled else "system",
    )
    embed.add_field(name=_("Counted right now"), value=f"{current.counted_now:,}")
    embed.add_field(name=_("Watched in all"), value=_long(current.totals.watched))
    embed.add_field(name=_("Viewers"), value=f"{current.totals.viewers:,}")
    embed.add_field(name=_("Window"), value=_long(current.window))
    embed.add_field(name=_("Daily limit"), value=_limit(current))
    embed.add_field(
        name=_("Excluded"),
        value=plural("{count} name", "{count} names", current.excluded) + " · `/watchexclude list`",
    )
    return embed


def _limit(current: Overview) -> str:
    if not current.settings.daily_limit_minutes:
        return _("none")
    return _("{time} of each day ({zone})").format(
        time=duration(current.settings.daily_limit_minutes * 60), zone=current.time_zone
    )


def _what_counts(current: Overview) -> list[str]:
    if not current.settings.enabled:
        return [
            _("Messages in chat earn nothing; totals are kept. Turn it on with `/tracking on`.")
        ]
    change = _("Change the window with `/settings set watchtime.window_minutes`.")
    return [change, _rule(current.window)]


def _state(current: Overview) -> list[str]:
    off = "⏸️ " + _("Watchtime is switched off in this server.")
    return [*_streams(current), _rule(current.window) if current.settings.enabled else off]


def _streams(current: Overview) -> list[str]:
    return [_status(stream) for stream in current.streams] or [
        "⚫ " + _("I have not seen a stream yet.")
    ]


def _status(stream: Stream) -> str:
    platform = stream.platform.capitalize()
    if stream.is_live:
        return "🟢 " + _("Live on {platform}; started {ago}").format(
            platform=platform, ago=ago(stream.started_at)
        )
    return "⚫ " + _("Offline on {platform}; last live {ago}").format(
        platform=platform, ago=ago(stream.ended_at or stream.seen_at)
    )


def _rule(window: timedelta) -> str:
    """What is promised to viewers."""
    minutes = int(window.total_seconds()) // 60
    return "-# " + plural(
        "You are counted for {count} minute after each message while the stream is live.",
        "You are counted for {count} minutes after each message while the stream is live.",
        minutes,
    )


def _long(time: timedelta) -> str:
    return duration(time.total_seconds())


# -- the history ---------------------------------------------------------------------------------


def history(found: History) -> discord.Embed:
    """A page of the streams watched and of the corrections, the newest first."""
    title = "🗓️ " + _("Watchtime of {name}").format(name=safe(found.viewer.name))
    if not found.entries:
        return card(title, _("No watchtime yet. It fills while the stream is live."), tone="kick")
    total = "**" + _("{time} in all").format(time=_long(found.watched)) + "**"
    rows = [_entry(entry) for entry in found.entries]
    return card(title, "\n".join([total, "", lines(rows, limit=3700)]), tone="kick")


def _entry(entry: Entry) -> str:
    if entry.until is None:
        return _("✏️ **{amount}** · {at} by <@{actor}>: {reason}").format(
            amount=_signed(entry.amount),
            at=_moment(entry.at.timestamp(), "f"),
            actor=entry.actor,
            reason=safe(entry.reason),
        )
    pieces = plural("in one go", "in {count} pieces", entry.stretches)
    return _("📺 **{amount}** · {since} to {until}, {pieces}").format(
        amount=_signed(entry.amount),
        since=_moment(entry.at.timestamp(), "f"),
        until=_moment(entry.until.timestamp(), "t"),
        pieces=pieces,
    )


def _moment(timestamp: float, style: str) -> str:
    """In the reader's own zone."""
    return f"<t:{int(timestamp)}:{style}>"


def _signed(amount: timedelta) -> str:
    return ("−" if amount < timedelta() else "+") + _long(abs(amount))


# -- for admins -----------------------------------------------------------------------------------


def adjusted(done: Adjusted) -> discord.Embed:
    """A correction, and the total after it."""
    name = safe(done.viewer.name)
    if done.amount < timedelta():
        title = _("{time} taken from {name}").format(time=_long(-done.amount), name=name)
    else:
        title = _("{time} given to {name}").format(time=_long(done.amount), name=name)
    body = _("Now {time} in all. Reason: {reason}").format(
        time=_long(done.watched), reason=safe(done.reason)
    )
    return card("✏️ " + title, body, tone="success")


# -- chat -----------------------------------------------------------------------------------------


def reply(payload: Mapping[str, Any]) -> str:
    """The answer to `!watchtime` in chat."""
    if payload["rank"] is None and payload.get("is_streamer"):
        return _("@{viewer} the streamer's own time is not counted, your viewers' is.").format(
            viewer=payload["viewer"]
        )
    if payload["rank"] is None:
        nothing = plural(
            "you are counted for {count} minute after each message while the stream is live.",
            "you are counted for {count} minutes after each message while the stream is live.",
            payload["window"],
        )
        return _("@{viewer} no watchtime yet: {rule}").format(
            viewer=payload["viewer"], rule=nothing
        )
    return _("@{viewer} you have watched {time}, rank {rank}.").format(
        viewer=payload["viewer"],
        time=duration(payload["seconds"]),
        rank=f"{payload['rank']:,}",
    )
