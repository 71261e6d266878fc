"""Being forgotten empties what could still be used, and coming back starts from zero."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import Connection, func, select

from core.events import Person
from core.inbox.records import deliveries
from core.kit.database.connection import cache_of
from core.kit.database.work import Work
from core.kit.discord.leaderboard import Query
from core.kit.runtime.clock import utc_now
from core.people import actions as people
from core.people import store as viewers
from core.people.names import public_names, set_hidden
from core.points import ledger as points
from core.points import store as points_store
from core.points.rules import Bucket
from core.raffle.ledger import gifts, store
from core.raffle.ledger.discord import load_board
from core.raffle.records import Entry, Gift
from tests.privacy.scene import MADCATS, MIA, NAME, NOON, forget, line
from tests.raffle.draw.rig import froze
from tests.raffle.ledger.scene import gifted, with_channel
from tests.raffle.scene import (
    END,
    MIDDLE,
    credit,
    do,
    get_balance,
    give,
    list_balances,
    period,
    period_of,
)

TWITCH = 77
AT = MIDDLE
AFTER = END + timedelta(minutes=20)
LATER = utc_now() + timedelta(days=1)
"""After somebody was forgotten in these tests."""
Part = tuple[Bucket, int]


def account(tx: Connection, guild_id: int, platform: str = "kick", user_id: int = MADCATS) -> int:
    """Mia's account, linked."""
    viewer_id = viewers.set_viewer(tx, guild_id, platform, user_id, NAME, NOON)
    viewers.add_link(tx, guild_id, MIA, platform, viewer_id, NOON)
    cache_of(tx).clear()
    return viewer_id


def post(tx: Connection, guild_id: int, by: str, viewer_id: int, *parts: Part) -> None:
    """Points from this house account."""
    for bucket, amount in parts:
        number = do(tx, guild_id, AT, points_store.next_entry, by, [viewer_id])[viewer_id]
        new = [points.NewEntry(f"{by}:{viewer_id}:{number}", viewer_id, bucket, amount)]
        do(tx, guild_id, AT, points.post, by, new)


def balances(tx: Connection, guild_id: int, *viewer_ids: int) -> object:
    return do(tx, guild_id, AT, points_store.get_balances, viewer_ids)


def adds_up(tx: Connection) -> None:
    """What the two `audit` commands check."""
    assert points_store.list_drift(tx) == []
    assert store.list_drift(tx) == []
    counted = points_store.count_ledger(tx)
    assert counted.held == counted.given


def test_points_of_all_accounts_are_gone_and_chatting_again_finds_none(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    kick, twitch = account(tx, guild_id), account(tx, guild_id, "twitch", TWITCH)
    elsewhere = account(tx, other_guild_id)
    post(tx, guild_id, "watchtime", kick, ("earned", 900))
    post(tx, guild_id, "heist", kick, ("earned", -700), ("won", 50))
    post(tx, guild_id, "watchtime", twitch, ("earned", 5))
    post(tx, guild_id, "manual", twitch, ("paid", 4321))
    post(tx, other_guild_id, "manual", elsewhere, ("earned", 7))
    forget(tx, guild_id)
    assert people.get_or_create_sender(tx, line(guild_id, "hello again")) == kick
    assert balances(tx, guild_id, kick, twitch) == {}
    assert do(tx, guild_id, AT, points_store.list_places, 10, 0) == []
    assert not any(do(tx, guild_id, AT, points_store.list_account_totals, "watchtime").values())
    assert balances(tx, other_guild_id, elsewhere) == {(elsewhere, "earned"): 7}
    adds_up(tx)
    account(tx, guild_id)
    post(tx, guild_id, "manual", kick, ("earned", 3))
    forget(tx, guild_id)
    assert balances(tx, guild_id, kick) == {}
    adds_up(tx)


def test_what_was_before_stays_anonymous_when_somebody_comes_back(
    tx: Connection, guild_id: int
) -> None:
    """`/points why`, `/tickets why` and the pages like them do not show it with their name."""
    number, kick = period(tx, guild_id).number, account(tx, guild_id)
    post(tx, guild_id, "manual", kick, ("earned", 900))
    give(tx, guild_id, number, kick, 4, "bonus:1")
    forget(tx, guild_id)
    assert people.get_or_create_sender(tx, line(guild_id, "hello again")) == kick
    account(tx, guild_id)

    def entries() -> tuple[object, ...]:
        cache_of(tx).clear()
        listed = do(tx, guild_id, LATER, points_store.list_entries, [kick], 10, 0)
        tickets = do(tx, guild_id, LATER, store.list_entries, number, kick, 10, 0)
        return (
            [row.amount for row in listed],
            do(tx, guild_id, LATER, points_store.count_entries, [kick]),
            do(tx, guild_id, LATER, points_store.list_totals, [kick]),
            [ticket.amount for ticket in tickets],
            do(tx, guild_id, LATER, store.count_entries, number, kick),
        )

    assert entries() == ([], 0, {}, [], (0, 0))
    new = [points.NewEntry("manual:again", kick, "earned", 3)]
    do(tx, guild_id, LATER, points.post, "manual", new)
    bonus = [store.NewEntry(kick, 2, "bonus:2", LATER)]
    do(tx, guild_id, LATER, store.post_entries, number, "bonus", bonus)
    assert entries() == ([3], 1, {"manual": 3}, [2], (1, 2))
    adds_up(tx)


def test_tickets_are_taken_and_linking_again_brings_none_back(
    tx: Connection, guild_id: int
) -> None:
    with_channel(tx, guild_id)
    number = period(tx, guild_id).number
    kick, twitch = account(tx, guild_id), account(tx, guild_id, "twitch", TWITCH)
    person = Person(user_id=MADCATS, name=NAME)
    gift = [replace(row, gifter=person) for row in gifted(guild_id, None)]
    do(tx, guild_id, AT, gifts.on_subs_gifted, gift)
    give(tx, guild_id, number, kick, 4, "bonus:1")
    give(tx, guild_id, number, twitch, 6, "bonus:2")
    watched = [store.NewEntry(kick, 10, f"watchtime:{number}:{kick}:1", AT)]
    do(tx, guild_id, AT, store.post_entries, number, "watchtime", watched)
    assert get_balance(tx, guild_id, number, kick) == 35
    for _again in range(2):
        forget(tx, guild_id)
        people.get_or_create_sender(tx, line(guild_id, "hello again"))
        assert account(tx, guild_id) == kick
        credit(tx, period_of(tx, guild_id, number), AT)
        assert list_balances(tx, guild_id, number) == {}
        assert do(tx, guild_id, AT, store.get_pool, number).tickets == 0
        adds_up(tx)
    voided = select(func.count()).where(Gift.guild_id == guild_id, Gift.voided_at.is_not(None))
    assert tx.scalar(voided) == 1, "a refund takes no new tickets"
    give(tx, guild_id, number, kick, 2, "bonus:3")
    tx.execute(deliveries.update().values(state="done"))  # the links are handled
    assert froze(tx, guild_id, number, AFTER).tickets == 2


def test_frozen_list_stays_as_it_is(tx: Connection, guild_id: int) -> None:
    with_channel(tx, guild_id)
    number = period(tx, guild_id).number
    kick = account(tx, guild_id)
    give(tx, guild_id, number, kick, 4, "bonus:1")
    froze(tx, guild_id, number, AFTER)
    before = tx.scalar(select(func.count()).where(Entry.guild_id == guild_id))
    forget(tx, guild_id)
    assert tx.scalar(select(func.count()).where(Entry.guild_id == guild_id)) == before
    assert list_balances(tx, guild_id, number) == {kick: 4}
    assert do(tx, guild_id, AFTER, store.get_pool, number).tickets == 4


def test_hidden_person_who_comes_back_stays_hidden_on_every_account(
    tx: Connection, guild_id: int
) -> None:
    kick = account(tx, guild_id)
    with Work(tx, guild_id, actor=MIA, now=NOON) as work:
        set_hidden(work, True)
    twitch = account(tx, guild_id, "twitch", TWITCH)
    forget(tx, guild_id)
    people.get_or_create_sender(tx, line(guild_id, "hello again"))
    viewers.set_viewer(tx, guild_id, "twitch", TWITCH, NAME, utc_now())
    unnamed = do(tx, guild_id, AT, public_names, [kick, twitch]).unnamed
    assert unnamed[kick] == "hidden"
    assert twitch in unnamed


def test_board_of_hidden_viewers_does_not_say_that_nobody_has_a_ticket(
    tx: Connection, guild_id: int
) -> None:
    number = period(tx, guild_id).number
    assert "Nobody has a ticket" in do(tx, guild_id, AT, load_board, Query(10, 1, "")).empty
    give(tx, guild_id, number, account(tx, guild_id), 4, "bonus:1")
    with Work(tx, guild_id, actor=MIA, now=NOON) as work:
        set_hidden(work, True)
    board = do(tx, guild_id, AT, load_board, Query(10, 1, ""))
    assert (board.rows, board.empty) == ([], "Everyone with tickets is hidden.")
