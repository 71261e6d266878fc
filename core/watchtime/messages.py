"""Embeds and chat replies."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import discord
from discord.utils import format_dt

from core.kit.discord import leaderboard as kit
from core.kit.discord.ui import ago, card, duration, lines, mention, safe, status_card
from core.kit.text.words import _, plural
from core.watchtime.actions import Adjusted
from core.watchtime.standings import Place, Rank
from core.watchtime.streams import Entry, Stream
from core.watchtime.views import Board, History, Overview, Status

_BAR_CELLS = 10


def status(current: Status) -> discord.Embed:
    """A viewer's watchtime, rank, next goal, and whether they are counted now."""
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
        return _("No watchtime yet. Chat while the stream is live to earn some.")
    total = f"## {_long(rank.watched)}"
    if rank.rank is None:
        return total
    place = _("rank **{rank}** of {ranked}").format(
        rank=f"{rank.rank:,}", ranked=f"{rank.ranked:,}"
    )
    return f"{total}\n{kit.MEDALS.get(rank.rank, '🏅')} {place}"


def _next(current: Status) -> str:
    """A progress bar to the next goal, or without a goal to the next rank."""
    rank, goal = current.rank, current.goal
    if goal is not None:
        missing = _("{time} to {goal}").format(
            time=_long(goal.watched - rank.watched), goal=goal.name
        )
        return f"`{_bar(rank.watched / goal.watched)}` {missing}"
    if rank.rank is None or rank.ahead is None:
        return ""
    missing = _("{time} behind the next rank").format(time=_long(rank.ahead - rank.watched))
    return f"`{_bar(rank.watched / rank.ahead)}` {missing}"


def _bar(share: float) -> str:
    """`▰▰▰▱▱▱▱▱▱▱ 31 %`; rounded down, so that it is only full when done."""
    filled = int(share * _BAR_CELLS)
    return "▰" * filled + "▱" * (_BAR_CELLS - filled) + f" {int(share * 100)} %"


def _this_month(current: Status) -> str:
    if not current.rank.watched:
        return ""
    return "📅 " + _("This month: {time}").format(time=_long(current.this_month))


def _now(current: Status) -> str:
    if current.excluded:
        return "🚫 " + _("Not counted: this account is excluded from watchtime.")
    if current.is_streamer:
        return "🎙️ " + _("Not counted: the streamer does not earn watchtime.")
    if not current.enabled:
        return "⏸️ " + _("Not counted: watchtime is off in this server.")
    if current.counted_until is not None:
        return "🟢 " + _(
            "Live and counting. Without another message, counting stops {until}."
        ).format(until=ago(current.counted_until))
    if current.stream is None or not current.stream.is_live:
        return "⚫ " + _("Not counted: the stream is offline.")
    if current.limit_ends_at is not None:
        return "⚪ " + _("Live, but you've reached today's limit. Counting resumes {when}.").format(
            when=ago(current.limit_ends_at)
        )
    return "⚪ " + _("Live, but not counting right now. Send a chat message to continue.")


def _history(current: Status) -> str:
    rows = []
    if current.stream is not None and current.watched_of_stream:
        which = _("This stream: {time}") if current.stream.is_live else _("Last stream: {time}")
        rows.append(which.format(time=_long(current.watched_of_stream)))
    if current.spoke_at is not None:
        rows.append(_("last message {ago}").format(ago=ago(current.spoke_at)))
    return " · ".join(rows)


def not_linked(current: Overview) -> discord.Embed:
    """For a member without a linked account: how to link, and how counting works."""
    off = "⏸️ " + _("Watchtime is off in this server.")
    body = [
        _("Link it to see your watchtime, your rank and your next role."),
        _("Nothing is lost until then: your minutes are stored with your account."),
        "",
        _streams(current),
        _rule(current.window) if current.settings.enabled else off,
    ]
    return card("🔗 " + _("Your account isn't linked yet"), "\n".join(body), tone="system")


# -- the leaderboard ------------------------------------------------------------------------------


def period_names() -> Mapping[str, str]:
    """Period -> its name, in the order of the menu."""
    return {
        "all": _("All time"),
        "month": _("This month"),
        "week": _("This week"),
        "day": _("Today"),
    }


def leaderboard(board: Board) -> kit.Leaderboard:
    """The leaderboard of a period."""
    ends = board.stretch and _("Resets {when}.").format(when=ago(board.stretch.ends_at))
    return kit.Leaderboard(
        title=_("Most watchtime") + " · " + period_names().get(board.period, board.period),
        rows=[_row(place) for place in board.places],
        page=board.page,
        pages=board.pages,
        own=_("excluded from watchtime") if board.is_excluded else _own(board.own),
        empty=_("No watchtime yet. Chat while the stream is live to earn some."),
        note=ends or "",
        choice=board.period,
        choices=period_names(),
    )


def _own(place: Place | None) -> kit.Row | str | None:
    if place is None:
        return None
    return _("no watchtime yet") if place.rank is None else _row(place)


def _row(place: Place) -> kit.Row:
    return kit.Row(place.rank or 0, place.name, _long(place.watched))


# -- the server at a glance -----------------------------------------------------------------------


def overview(current: Overview) -> discord.Embed:
    """The streams, the totals and the settings, for admins."""
    on = current.settings.enabled
    rows = [_streams(current), ""]
    if on:
        rows.append(_("Change the window with `/settings set watchtime.window_minutes`."))
        rows.append(_rule(current.window))
    else:
        rows.append(
            _("Chat messages earn nothing; totals are kept. Turn it on with `/tracking on`.")
        )
    excluded = plural("{count} name", "{count} names", current.excluded)
    return status_card(
        _("Watchtime is on") if on else _("Watchtime is off"),
        current.settings,
        "\n".join(rows),
        facts={
            _("Daily limit"): _limit(current),
            _("Counting now"): f"{current.counted_now:,}",
            _("Total watchtime"): _long(current.totals.watched),
            _("Viewers"): f"{current.totals.viewers:,}",
            _("Excluded"): excluded + " · `/watchexclude list`",
        },
    )


def _limit(current: Overview) -> str:
    if not current.settings.daily_limit_minutes:
        return _("none")
    return _("{time} of each day ({zone})").format(
        time=duration(current.settings.daily_limit_minutes * 60), zone=current.time_zone
    )


def _streams(current: Overview) -> str:
    rows = [_status(stream) for stream in current.streams]
    return "\n".join(rows) or "⚫ " + _("I have not seen a stream yet.")


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
    """The counting rule, for viewers."""
    return "-# " + plural(
        "Each chat message counts for {count} minute while the stream is live.",
        "Each chat message counts for {count} minutes while the stream is live.",
        int(window.total_seconds()) // 60,
    )


def _long(time: timedelta) -> str:
    return duration(time.total_seconds())


# -- the history ---------------------------------------------------------------------------------


def history(found: History) -> discord.Embed:
    """A page of watched streams and corrections, newest first."""
    title = "🗓️ " + _("Watchtime of {name}").format(name=safe(found.viewer.name))
    if not found.entries:
        return card(
            title, _("No watchtime yet. Chat while the stream is live to earn some."), tone="kick"
        )
    total = "**" + _("{time} in total").format(time=_long(found.watched)) + "**"
    rows = [_entry(entry) for entry in found.entries]
    return card(title, "\n".join([total, "", lines(rows, limit=3700)]), tone="kick")


def _entry(entry: Entry) -> str:
    amount = ("−" if entry.amount < timedelta() else "+") + _long(abs(entry.amount))
    if entry.until is None:
        return _("✏️ **{amount}** · {at} by {actor}: {reason}").format(
            amount=amount,
            at=format_dt(entry.at, "f"),
            actor=mention(entry.actor),
            reason=safe(entry.reason),
        )
    return _("📺 **{amount}** · {since} to {until}, {pieces}").format(
        amount=amount,
        since=format_dt(entry.at, "f"),
        until=format_dt(entry.until, "t"),
        pieces=plural("in one session", "in {count} sessions", entry.stretches),
    )


# -- for admins -----------------------------------------------------------------------------------


def adjusted(done: Adjusted) -> discord.Embed:
    """A correction and the new total."""
    is_gift = done.amount > timedelta()
    title = _("Added {time} to {name}") if is_gift else _("Removed {time} from {name}")
    title = title.format(time=_long(abs(done.amount)), name=safe(done.viewer.name))
    body = _("New total: {time}. Reason: {reason}").format(
        time=_long(done.watched), reason=safe(done.reason)
    )
    return card("✏️ " + title, body, tone="success")


def hidden(hide: bool) -> discord.Embed:
    """Whether the asker's name is hidden in public."""
    if hide:
        body = _(
            "Leaderboards, public pages, overlays, posts and chat leave you out, or say “Hidden "
            "viewer”. You still see your own rank, and moderators see you on the dashboard."
        )
        return card("🙈 " + _("Your name is hidden"), body, tone="success")
    body = _("Leaderboards, public pages, overlays and posts show your name again.")
    return card("👀 " + _("Your name is visible"), body, tone="success")


# -- chat -----------------------------------------------------------------------------------------


def reply(payload: Mapping[str, Any]) -> str:
    """The reply to `!watchtime` in chat."""
    if payload["rank"] is None and payload.get("is_streamer"):
        return _("@{viewer} streamers don't earn watchtime in their own channel.").format(
            viewer=payload["viewer"]
        )
    if payload["rank"] is None:
        rule = plural(
            "each chat message counts for {count} minute while the stream is live.",
            "each chat message counts for {count} minutes while the stream is live.",
            payload["window"],
        )
        return _("@{viewer} no watchtime yet: {rule}").format(viewer=payload["viewer"], rule=rule)
    return _("@{viewer} you have watched {time}, rank {rank}.").format(
        viewer=payload["viewer"],
        time=duration(payload["seconds"]),
        rank=f"{payload['rank']:,}",
    )
