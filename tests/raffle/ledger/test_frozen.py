"""After the freeze everyone sees the frozen list, no matter what happens to links and
exclusions."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from sqlalchemy import Connection

from core.draws.snapshot import entrants_of
from core.kit.discord.leaderboard import Leaderboard, Query, Row
from core.people import store as people
from core.raffle.draw import actions as draws
from core.raffle.ledger import actions, messages, store
from core.raffle.ledger.discord import load_board
from core.raffle.periods.actions import get_info
from tests.acting import act
from tests.raffle.draw.rig import discord_took, exclude, froze, snapshot_of
from tests.raffle.ledger.scene import LEO, MIA, YUKI, discord_of, gives, link, viewer, with_channel
from tests.raffle.ledger.test_chat import says
from tests.raffle.scene import CONFIG, END, MIDDLE, do, period

AFTER = END + timedelta(minutes=20)
LATER = AFTER + timedelta(minutes=1)
NUMBER = 1


@pytest.fixture
def frozen(tx: Connection, guild_id: int) -> int:
    """mia has 75 tickets and leo 30; yuki has 15 and is not linked."""
    with_channel(tx, guild_id)
    period(tx, guild_id)
    for user_id, gifts in ((MIA, 5), (LEO, 2), (YUKI, 1)):
        gives(tx, guild_id, user_id, gifts)
        if user_id != YUKI:
            link(tx, guild_id, user_id)
    draw = froze(tx, guild_id, NUMBER, AFTER)
    assert (draw.entrants, draw.tickets, draw.left_out) == (2, 105, 1)
    return guild_id


def unlinks(tx: Connection, guild_id: int) -> None:
    found = act(tx, guild_id, people.find_link, discord_of(MIA))
    assert found is not None
    people.end_link(tx, found)


def is_excluded(tx: Connection, guild_id: int) -> None:
    exclude(tx, guild_id, "madcats", LATER)


def links_late(tx: Connection, guild_id: int) -> None:
    link(tx, guild_id, YUKI)


def is_drawn(tx: Connection, guild_id: int) -> None:
    later = LATER + timedelta(hours=2)
    do(tx, guild_id, later, draws.give_up_beacon, CONFIG, NUMBER)
    discord_took(tx, later, "raffle.frozen")
    assert do(tx, guild_id, later, draws.draw_winners, CONFIG, NUMBER)


def standing(tx: Connection, guild_id: int, user_id: int) -> actions.Standing:
    viewer_id = viewer(tx, guild_id, user_id)
    found = do(tx, guild_id, LATER, actions.get_standing, viewer_id, is_admin=True)
    assert found is not None
    return found


def board(tx: Connection, guild_id: int, size: int, page: int, choice: str = "") -> Leaderboard:
    return do(tx, guild_id, LATER, load_board, Query(size, page, choice))


@pytest.mark.parametrize("change", [unlinks, is_excluded, links_late, is_drawn])
def test_nothing_after_the_freeze_changes_a_number(
    tx: Connection, frozen: int, change: Callable[[Connection, int], None]
) -> None:
    def shown() -> tuple[object, ...]:
        first, second = board(tx, frozen, 1, 1), board(tx, frozen, 1, 2, str(NUMBER))
        own = [standing(tx, frozen, user).own for user in (MIA, LEO, YUKI)]
        pools = [do(tx, frozen, LATER, get_info, CONFIG).pool, *(account.pool for account in own)]
        return (
            [*first.rows, *second.rows],
            (first.note.split(" · ")[:2], first.pages, second.pages),
            pools,
            [(account.tickets, account.rank) for account in own],
        )

    before = shown()
    assert before[0] == [Row(1, "MadCats", "75 · 71.4%"), Row(2, "lil_bean", "30 · 28.6%")]
    assert before[1] == (["2 viewers", "105 tickets"], 2, 2)
    assert before[2] == [store.Pool(2, 105)] * 4
    change(tx, frozen)
    assert shown() == before


def test_board_equals_the_published_list(tx: Connection, frozen: int) -> None:
    """Compared by pseudonym, which only the owner and the draw can compute."""
    unlinks(tx, frozen)
    links_late(tx, frozen)
    snapshot = snapshot_of(tx, frozen, NUMBER)
    published = sorted(entrants_of(snapshot).weights)
    shown = [int(row.value.split()[0]) for row in board(tx, frozen, 25, 1).rows]
    assert sorted(shown) == published


def test_viewers_who_were_left_out_see_why(tx: Connection, frozen: int) -> None:
    links_late(tx, frozen)
    body = messages.standing(standing(tx, frozen, YUKI)).description
    assert body is not None
    assert "aren't in this draw" in body
    assert "15 tickets" in body


def test_chat_shows_the_locked_tickets(tx: Connection, frozen: int) -> None:
    unlinks(tx, frozen)
    links_late(tx, frozen)
    after = LATER - MIDDLE
    assert says(tx, frozen, MIA, "!tickets", after)[-1] == (
        "@MadCats 75 tickets · rank 1 of 2, chance 71.4% · ticket list frozen"
    )
    assert says(tx, frozen, YUKI, "!tickets", after)[-1].endswith(
        "15 tickets · not in this draw · ticket list frozen"
    )
