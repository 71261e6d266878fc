"""Embeds of watchtime: pure data in, embeds out."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import discord
import pytest

from core.kit.database.records import PlatformUserId, ViewerId
from core.kit.discord.leaderboard import render
from core.kit.goals import Goal
from core.kit.text.calendar import Stretch
from core.people.records import Viewer
from core.watchtime import messages
from core.watchtime.actions import Adjusted
from core.watchtime.rules import WatchtimeSettings
from core.watchtime.standings import Place, Rank, Totals
from core.watchtime.streams import Entry, Stream
from core.watchtime.views import Board, History, Overview, Status
from tests.watchtime.model import at

LIVE = Stream(1, "kick", at(0), at(50), None, is_live=True)
OVER = Stream(1, "kick", at(0), at(50), at(55), is_live=False)

CARD = Status(
    viewer=Viewer(
        viewer_id=ViewerId(5),
        platform="kick",
        platform_user_id=PlatformUserId(77),
        name="*mad*cats",
        folded_name="*mad*cats",
        named_at=at(0),
    ),
    rank=Rank(timedelta(hours=12, minutes=5), 4, 120, timedelta(hours=20)),
    this_month=timedelta(hours=2),
    stream=LIVE,
    watched_of_stream=timedelta(minutes=35),
    spoke_at=at(48),
    counted_until=at(58),
    window=timedelta(minutes=10),
)
KICK_GREEN = 0x53FC18


def text_of(card: Status) -> str:
    return str(messages.status(card).description)


def test_card_shows_rank_goal_and_stream() -> None:
    embed = messages.status(CARD)
    assert embed.title == r"⏱️ \*mad\*cats"
    assert embed.colour is not None
    assert embed.colour.value == KICK_GREEN
    assert str(embed.description).split("\n") == [
        "## 12 h 05 min",
        "🏅 rank **4** of 120",
        "`▰▰▰▰▰▰▱▱▱▱ 60 %` 7 h 55 min behind the next rank",
        "📅 This month: 2 h 00 min",
        "🟢 Live and counting. Without another message, counting stops <t:1772405880:R>.",
        "This stream: 35 min · last message <t:1772405280:R>",
        "-# Each chat message counts for 10 minutes while the stream is live.",
    ]


def test_first_place_has_a_medal_and_no_next_place() -> None:
    shown = text_of(replace(CARD, rank=Rank(timedelta(hours=1), 1, 1, None)))
    assert "🥇 rank **1** of 1" in shown
    assert "▰" not in shown


def test_progress_bar_is_full_only_when_complete() -> None:
    almost = Rank(timedelta(seconds=9_999), 2, 2, timedelta(seconds=10_000))
    assert "`▰▰▰▰▰▰▰▰▰▱ 99 %`" in text_of(replace(CARD, rank=almost))


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (LIVE, "⚪ Live, but not counting right now. Send a chat message to continue."),
        (OVER, "⚫ Not counted: the stream is offline."),
        (None, "⚫ Not counted: the stream is offline."),
    ],
)
def test_card_explains_why_time_is_not_counted(stream: Stream | None, words: str) -> None:
    assert words in text_of(replace(CARD, stream=stream, counted_until=None))


def test_last_stream_is_labeled() -> None:
    assert "Last stream: 35 min" in text_of(replace(CARD, stream=OVER, counted_until=None))


def test_card_without_watchtime_explains_how_it_fills() -> None:
    never = replace(
        CARD,
        rank=Rank(timedelta(), None, 3, None),
        stream=None,
        watched_of_stream=timedelta(),
        spoke_at=None,
        counted_until=None,
    )
    assert text_of(never).startswith("No watchtime yet. Chat while the stream is live")


def test_progress_bar_shows_the_next_goal() -> None:
    shown = text_of(replace(CARD, goal=Goal("<@&77>", timedelta(hours=24, minutes=10))))
    assert "`▰▰▰▰▰▱▱▱▱▱ 50 %` 12 h 05 min to <@&77>" in shown
    assert "next place" not in shown


def test_excluded_viewer_sees_no_rank_or_goal() -> None:
    goal = Goal("<@&77>", timedelta(hours=24))
    shown = text_of(
        replace(CARD, rank=Rank(timedelta(hours=3), None, 3, None), excluded=True, goal=goal)
    )
    assert "🚫 Not counted: this account is excluded" in shown
    assert "<@&77>" not in shown
    assert "rank" not in shown


def test_streamer_sees_no_rank_or_goal() -> None:
    mine = replace(CARD, is_streamer=True, rank=Rank(timedelta(), None, 120, None))
    text = text_of(replace(mine, goal=Goal("VIP", timedelta(hours=20)), counted_until=None))
    assert "Not counted: the streamer does not earn watchtime." in text
    assert "one message" not in text
    assert "It fills" not in text
    assert "VIP" not in text
    assert "Each chat message" not in text


def test_disabled_watchtime_and_limits_are_shown() -> None:
    off = text_of(replace(CARD, enabled=False))
    assert "⏸️ Not counted" in off
    assert "Each chat message" not in off
    reached = replace(CARD, counted_until=None, limit_ends_at=at(120))
    assert "Live, but you've reached today's limit. Counting resumes <t:1772409600:R>." in text_of(
        reached
    )


def board(*places: Place, **differs: Any) -> Board:
    return replace(Board("all", None, 1, 1, places, None), **differs)


def rendered(shown: Board) -> discord.Embed:
    return render(messages.leaderboard(shown))


def test_leaderboard_lists_ranked_viewers() -> None:
    places = [
        Place(rank, rank, f"_{rank}_ @everyone", timedelta(hours=30 - rank)) for rank in range(1, 6)
    ]
    rows = str(rendered(board(*places)).description).split("\n")
    assert rows[0] == "🥇 **\\_1\\_ @\u200beveryone** · 29 h 00 min"
    assert [row.split(" ")[0] for row in rows[:5]] == ["🥇", "🥈", "🥉", "`#4`", "`#5`"]
    assert rows[-1] == "-# Link your account with `/link` to see your own rank here."


def test_own_line_is_below_the_leaderboard() -> None:
    own = Place(1_204, 5, "mad_cats", timedelta(minutes=3))
    place = Place(1, 1, "first", timedelta(hours=1))
    shown = str(rendered(board(place, own=own)).description)
    assert shown.split("\n")[-1] == r"👉 You: `#1,204` **mad\_cats** · 3 min"
    nothing = str(rendered(board(place, own=Place(None, 5, "mad_cats", timedelta()))).description)
    assert nothing.split("\n")[-1] == "👉 You: no watchtime yet"


def test_excluded_viewer_sees_exclusion_in_the_leaderboard() -> None:
    text = str(rendered(board(is_excluded=True)).description)
    assert "You: excluded from watchtime" in text
    assert "no watchtime yet\n" not in text


def test_period_shows_when_it_resets() -> None:
    shown = rendered(board(period="week", stretch=Stretch(at(0), at(60))))
    assert shown.title == "🏆 Most watchtime · This week"
    assert "Resets <t:1772406000:R>." in str(shown.description)


def test_longest_leaderboard_fits_in_an_embed() -> None:
    places = [Place(rank, rank, "_" * 256, timedelta(hours=1)) for rank in range(1, 26)]
    own = Place(1_000_000, 99, "_" * 256, timedelta(hours=1))
    assert len(str(rendered(board(*places, own=own)).description)) <= 4096


def test_empty_leaderboard_explains_how_it_fills() -> None:
    shown = rendered(board())
    assert str(shown.description).startswith("No watchtime yet. Chat while the stream is live")


OFF = WatchtimeSettings(enabled=False)
OVERVIEW = Overview(
    settings=WatchtimeSettings(window_minutes=1),
    streams=(LIVE,),
    counted_now=1234,
    totals=Totals(timedelta(hours=5000), 2048),
    excluded=14,
)


def test_overview_shows_status_and_totals() -> None:
    embed = messages.overview(OVERVIEW)
    assert embed.title == "🟢 Watchtime is on"
    assert "🟢 Live on Kick; started <t:1772402400:R>" in str(embed.description)
    assert "counts for 1 minute" in str(embed.description)
    assert [field.value for field in embed.fields] == [
        *(
            "1 min",
            "none",
            "1,234",
            "5,000 h 00 min",
            "2,048",
            "14 names · `/watchexclude list`",
        )
    ]


def test_overview_shows_offline_and_disabled() -> None:
    shown = messages.overview(replace(OVERVIEW, streams=(OVER,), settings=OFF))
    assert shown.title == "⚫ Watchtime is off"
    assert "⚫ Offline on Kick; last live <t:1772405700:R>" in str(shown.description)
    assert "have not seen a stream" in str(
        messages.overview(replace(OVERVIEW, streams=())).description
    )


def test_overview_shows_the_limit_and_its_time_zone() -> None:
    two_hours = WatchtimeSettings(daily_limit_minutes=120)
    limited = replace(OVERVIEW, settings=two_hours, time_zone="Europe/Stockholm")
    values = [field.value for field in messages.overview(limited).fields]
    assert "2 h 00 min of each day (Europe/Stockholm)" in values


def test_unlinked_viewer_sees_how_to_link_and_what_counts() -> None:
    shown = messages.not_linked(replace(OVERVIEW, settings=OFF))
    assert "account isn't linked yet" in str(shown.title)
    assert "Link it to see your watchtime" in str(shown.description)
    assert "🟢 Live on Kick" in str(shown.description)
    assert "Watchtime is off" in str(shown.description)


def test_history_lists_streams_and_adjustments() -> None:
    entries = [
        Entry(at(60), None, timedelta(minutes=-30), 0, "*twice* @everyone", 900),
        Entry(at(0), at(55), timedelta(minutes=35), 2, "", None),
    ]
    shown = messages.history(History(CARD.viewer, timedelta(minutes=5), 1, 1, entries))
    assert shown.title == r"🗓️ Watchtime of \*mad\*cats"
    assert str(shown.description).split("\n") == [
        "**5 min in total**",
        "",
        "✏️ **−30 min** · <t:1772406000:f> by <@900>: \\*twice\\* @\u200beveryone",
        "📺 **+35 min** · <t:1772402400:f> to <t:1772405700:t>, in 2 sessions",
    ]


def test_adjustment_shows_amount_and_new_total() -> None:
    taken = Adjusted(CARD.viewer, timedelta(minutes=-30), timedelta(hours=2), "counted twice")
    embed = messages.adjusted(taken)
    assert embed.title == r"✏️ Removed 30 min from \*mad\*cats"
    assert embed.description == "New total: 2 h 00 min. Reason: counted twice"
    given = messages.adjusted(replace(taken, amount=timedelta(minutes=90)))
    assert given.title == r"✏️ Added 1 h 30 min to \*mad\*cats"


def test_chat_reply_shows_total_and_rank() -> None:
    payload = {"viewer": "MadCats", "seconds": 43_500.0, "rank": 1_204, "window": 10}
    assert messages.reply(payload) == "@MadCats you have watched 12 h 05 min, rank 1,204."
    assert messages.reply({**payload, "rank": None}) == (
        "@MadCats no watchtime yet: "
        "each chat message counts for 10 minutes while the stream is live."
    )
