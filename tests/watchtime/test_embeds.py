"""How watchtime looks: pure data in, embeds out."""

from dataclasses import replace
from datetime import timedelta

import pytest

from core.people.store import Viewer
from core.watchtime import embeds
from core.watchtime.actions import Overview, Standing
from core.watchtime.standings import Place, Rank, Totals
from core.watchtime.streams import Stream
from tests.watchtime.model import at

LIVE = Stream(1, "kick", at(0), at(50), None, is_live=True)
OVER = Stream(1, "kick", at(0), at(50), at(55), is_live=False)

CARD = Standing(
    viewer=Viewer(1, 5, "kick", 77, "*mad*cats"),
    rank=Rank(timedelta(hours=12, minutes=5), 4, 120, timedelta(hours=20)),
    stream=LIVE,
    watched_of_stream=timedelta(minutes=35),
    spoke_at=at(48),
    counted_until=at(58),
    window=timedelta(minutes=10),
)
KICK_GREEN = 0x53FC18


def text_of(card: Standing) -> str:
    return str(embeds.standing(card).description)


def test_the_card_of_a_viewer() -> None:
    embed = embeds.standing(CARD)
    assert embed.title == r"⏱️ \*mad\*cats"
    assert embed.colour is not None
    assert embed.colour.value == KICK_GREEN
    assert str(embed.description).split("\n") == [
        "## 12 h 05 min",
        "🏅 rank **4** of 120",
        "`▰▰▰▰▰▰▱▱▱▱ 60 %` 7 h 55 min behind the next place",
        "🟢 Counted right now; without another message it stops <t:1772405880:R>.",
        "This stream: 35 min · last seen <t:1772405280:R>",
        "-# You are counted for 10 minutes after each message while the stream is live.",
    ]


def test_the_first_has_a_medal_and_nobody_ahead() -> None:
    shown = text_of(replace(CARD, rank=Rank(timedelta(hours=1), 1, 1, None)))
    assert "🥇 rank **1** of 1" in shown
    assert "▰" not in shown


def test_a_bar_is_full_only_when_it_is_done() -> None:
    almost = Rank(timedelta(seconds=9_999), 2, 2, timedelta(seconds=10_000))
    assert "`▰▰▰▰▰▰▰▰▰▱ 99 %`" in text_of(replace(CARD, rank=almost))


@pytest.mark.parametrize(
    ("stream", "words"),
    [
        (LIVE, "⚪ Not counted right now: one message in chat and it goes on."),
        (OVER, "⚫ Not counted: the stream is offline."),
        (None, "⚫ Not counted: the stream is offline."),
    ],
)
def test_why_somebody_is_not_counted(stream: Stream | None, words: str) -> None:
    assert words in text_of(replace(CARD, stream=stream, counted_until=None))


def test_the_last_stream_is_called_so() -> None:
    assert "Last stream: 35 min" in text_of(replace(CARD, stream=OVER, counted_until=None))


def test_the_card_of_who_never_watched() -> None:
    never = replace(
        CARD,
        rank=Rank(timedelta(), None, 3, None),
        stream=None,
        watched_of_stream=timedelta(),
        spoke_at=None,
        counted_until=None,
    )
    assert text_of(never).startswith("No watchtime yet. It fills while the stream is live.")


def test_the_leaderboard() -> None:
    places = [
        Place(rank, rank, f"_{rank}_ @everyone", timedelta(hours=30 - rank)) for rank in range(1, 6)
    ]
    rows = str(embeds.leaderboard(places).description).split("\n")
    assert rows[0] == "🥇 **\\_1\\_ @\u200beveryone** · 29 h 00 min"
    assert [row.split(" ")[0] for row in rows[:5]] == ["🥇", "🥈", "🥉", "`#4`", "`#5`"]
    assert rows[-1].startswith("-# ")


def test_the_longest_leaderboard_fits() -> None:
    places = [Place(rank, rank, "_" * 256, timedelta(hours=1)) for rank in range(1, 26)]
    assert len(str(embeds.leaderboard(places).description)) <= 4096


def test_an_empty_leaderboard_is_friendly() -> None:
    shown = embeds.leaderboard([])
    assert shown.description == "No watchtime yet. It fills while the stream is live."


OVERVIEW = Overview(
    enabled=True,
    streams=(LIVE,),
    counted_now=1234,
    totals=Totals(timedelta(hours=5000), 2048),
    window=timedelta(minutes=1),
)


def test_the_overview() -> None:
    embed = embeds.overview(OVERVIEW)
    assert "🟢 Live on Kick since <t:1772402400:R>" in str(embed.description)
    assert "counted for 1 minute after" in str(embed.description)
    assert [field.value for field in embed.fields] == ["1,234", "5,000 h 00 min", "2,048"]


def test_the_overview_while_offline_or_off() -> None:
    shown = str(embeds.overview(replace(OVERVIEW, streams=(OVER,), enabled=False)).description)
    assert "⚫ Offline on Kick; last live <t:1772405700:R>" in shown
    assert "⏸️ Watchtime is switched off in this server." in shown
    assert "have not seen a stream" in str(
        embeds.overview(replace(OVERVIEW, streams=())).description
    )
