"""The leaderboard that all features share."""

from typing import Any

import pytest

from core.kit.discord.leaderboard import Leaderboard, LeaderboardMenu, Row, render
from core.kit.discord.paginator import link_to


def text_of(*rows: Row, **differs: Any) -> str:
    given: dict[str, Any] = {"page": 1, "pages": 1, "own": None, "empty": "Nobody yet."}
    return str(render(Leaderboard("Most points", rows, **given | differs)).description)


def test_top_three_have_medals_and_names_are_escaped() -> None:
    rows = text_of(*(Row(rank, f"_{rank}_ @everyone", "5 min") for rank in range(1, 6))).split("\n")
    assert rows[0] == "🥇 **\\_1\\_ @\u200beveryone** · 5 min"
    assert [row.split(" ")[0] for row in rows[:5]] == ["🥇", "🥈", "🥉", "`#4`", "`#5`"]


@pytest.mark.parametrize(
    ("own", "line"),
    [
        (Row(1_204, "mad_cats", "3 min"), r"👉 You: `#1,204` **mad\_cats** · 3 min"),
        ("excluded", "👉 You: excluded"),
        (None, "-# Link your account with `/link` to see your own rank here."),
    ],
)
def test_own_line_is_below_the_rows(own: Row | str | None, line: str) -> None:
    text = text_of(Row(1, "first", "1 h"), own=own, note="ends soon")
    assert text.split("\n") == ["🥇 **first** · 1 h", "", line, "-# ends soon"]


def test_empty_leaderboard_shows_a_placeholder() -> None:
    assert text_of(own="no points yet").split("\n") == ["Nobody yet.", "", "👉 You: no points yet"]


def test_longest_leaderboard_fits_in_an_embed() -> None:
    own = Row(1_000_000, "_" * 256, "1 h")
    rows = [Row(rank, "_" * 256, "1 h") for rank in range(1, 26)]
    text = text_of(*rows, own=own, note="-" * 100)
    assert len(text) < 4096
    assert "`#25`" in text


async def test_menu_is_restored_from_its_custom_id() -> None:
    menu = LeaderboardMenu("leaderboard", 25, 2**63, "week", {"all": "All", "week": "This week"})
    assert [option.default for option in menu.item.options] == [False, True]
    template = LeaderboardMenu.__discord_ui_compiled_template__
    match = template.fullmatch(menu.item.custom_id)
    assert match is not None
    found = await LeaderboardMenu.from_custom_id(None, menu.item, match)  # type: ignore[arg-type]
    assert (found.name, found.size, found.owner_id) == ("leaderboard", 25, 2**63)


async def test_button_of_another_list_opens_its_first_page_for_whoever_presses_it() -> None:
    assert link_to("Board", "raffle_board", "10.").item.custom_id == "page:raffle_board:10.:1:0"
