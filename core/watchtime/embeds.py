"""How watchtime looks in Discord."""

from collections.abc import Sequence
from datetime import timedelta

import discord

from core.kit.discord_ui import ago, card, duration, lines, safe
from core.kit.words import _, plural
from core.watchtime.actions import Overview, Standing
from core.watchtime.standings import Place, Rank
from core.watchtime.streams import Stream

_MEDALS = {1: "🥇", 2: "🥈", 3: "🥉"}
_BAR_CELLS = 10


def standing(current: Standing) -> discord.Embed:
    """A viewer's card: how long, which place, how far to the next, counted now or not."""
    parts = [_total(current.rank), _way_up(current.rank), _now(current), _history(current)]
    return card(
        f"⏱️ {safe(current.viewer.name)}",
        "\n".join(part for part in [*parts, _rule(current.window)] if part),
        tone="kick",
    )


def _total(rank: Rank) -> str:
    if rank.rank is None:
        return _("No watchtime yet. It fills while the stream is live.")
    place = _("rank **{rank}** of {ranked}").format(
        rank=f"{rank.rank:,}", ranked=f"{rank.ranked:,}"
    )
    return f"## {_long(rank.watched)}\n{_MEDALS.get(rank.rank, '🏅')} {place}"


def _way_up(rank: Rank) -> str:
    """A bar towards the next better place, and what is missing."""
    if rank.rank is None or rank.ahead is None:
        return ""
    missing = _("{time} behind the next place").format(time=_long(rank.ahead - rank.watched))
    return f"`{_bar(rank.watched / rank.ahead)}` {missing}"


def _bar(share: float) -> str:
    """`▰▰▰▱▱▱▱▱▱▱ 31 %`; rounded down, so that it is full only when it is done."""
    filled = int(share * _BAR_CELLS)
    return "▰" * filled + "▱" * (_BAR_CELLS - filled) + f" {int(share * 100)} %"


def _now(current: Standing) -> str:
    if current.counted_until is not None:
        until = ago(current.counted_until)
        return "🟢 " + _("Counted right now; without another message it stops {until}.").format(
            until=until
        )
    if current.stream is None or not current.stream.is_live:
        return "⚫ " + _("Not counted: the stream is offline.")
    return "⚪ " + _("Not counted right now: one message in chat and it goes on.")


def _history(current: Standing) -> str:
    rows = []
    if current.stream is not None and current.watched_of_stream:
        which = _("This stream: {time}") if current.stream.is_live else _("Last stream: {time}")
        rows.append(which.format(time=_long(current.watched_of_stream)))
    if current.spoke_at is not None:
        rows.append(_("last seen {ago}").format(ago=ago(current.spoke_at)))
    return " · ".join(rows)


def leaderboard(places: Sequence[Place]) -> discord.Embed:
    """Who watched longest; the first three carry medals."""
    title = "🏆 " + _("Most watchtime")
    if not places:
        return card(title, _("No watchtime yet. It fills while the stream is live."), tone="kick")
    rows = [f"{_mark(p.rank)} **{safe(p.name)}** · {_long(p.watched)}" for p in places]
    more = "-# " + _("Your own time: `/watchtime <your name on Kick>`")
    return card(title, f"{lines(rows, limit=3800)}\n{more}", tone="kick")


def _mark(rank: int) -> str:
    return _MEDALS.get(rank, f"`#{rank}`")


def overview(current: Overview) -> discord.Embed:
    """The server at a glance, and how counting works."""
    status = [_status(stream) for stream in current.streams] or [
        "⚫ " + _("I have not seen a stream yet.")
    ]
    if not current.enabled:
        status.append("⏸️ " + _("Watchtime is switched off in this server."))
    embed = card(
        "⏱️ " + _("Watchtime"),
        "\n".join([*status, "", _how_to_look(), _rule(current.window)]),
        tone="kick" if any(stream.is_live for stream in current.streams) else "system",
    )
    embed.add_field(name=_("Counted right now"), value=f"{current.counted_now:,}")
    embed.add_field(name=_("Watched in all"), value=_long(current.totals.watched))
    embed.add_field(name=_("Viewers"), value=f"{current.totals.viewers:,}")
    return embed


def _status(stream: Stream) -> str:
    platform = stream.platform.capitalize()
    if stream.is_live:
        return "🟢 " + _("Live on {platform} since {ago}").format(
            platform=platform, ago=ago(stream.started_at)
        )
    return "⚫ " + _("Offline on {platform}; last live {ago}").format(
        platform=platform, ago=ago(stream.ended_at or stream.seen_at)
    )


def _how_to_look() -> str:
    return _(
        "Look anybody up with `/watchtime <name on Kick>`, yourself too: "
        "linking your account comes with a later version."
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
