"""Gifted subs: counted by giftee, once, in the raffle in which they were given."""

from datetime import timedelta

import pytest
from sqlalchemy import Connection, text

from core.events import SupportRevoked
from core.kit.errors import Refusal
from core.raffle.ledger import gifts
from tests.raffle.ledger.scene import (
    CHANNEL_ID,
    LEO,
    MIA,
    add_gift,
    choose,
    discord_of,
    gifted,
    gives,
    hear,
    link,
    rows,
    sources,
    tickets,
    viewer,
    with_channel,
)
from tests.raffle.scene import (
    ADMIN,
    END,
    MIDDLE,
    START,
    change_tickets,
    credit,
    do,
    list_balances,
    period,
    set_period,
)
from tests.slot_calls.scene import posted

SECOND = timedelta(seconds=1)


def freeze(tx: Connection, guild_id: int, number: int = 1) -> None:
    """Close the raffle for tickets, without a draw."""
    set_period(tx, guild_id, number, state="frozen", frozen_at=END)


# -- counting -------------------------------------------------------------------------------------


def test_fifteen_tickets_for_each_gifted_sub(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    gives(tx, guild_id, MIA, 5)
    assert tickets(tx, guild_id, mia) == 75
    assert rows(tx, guild_id, mia) == [("gifted_sub", 15)] * 5


def test_a_repeated_event_counts_once(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    events = gifted(guild_id, MIA, 3)
    hear(tx, *events, *events[:2])
    hear(tx, *events)
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 45


def test_anonymous_gift_earns_nothing(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    gives(tx, guild_id, None, 5)
    assert list_balances(tx, guild_id, 1) == {}


def test_changed_rate_applies_to_later_gifts(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 1)
    choose(tx, guild_id, "tickets_per_gifted_sub", 20)
    gives(tx, guild_id, MIA, 1, MIDDLE + SECOND)
    choose(tx, guild_id, "tickets_per_gifted_sub", 0)
    gives(tx, guild_id, MIA, 1, MIDDLE + 2 * SECOND)
    assert rows(tx, guild_id, viewer(tx, guild_id, MIA)) == [("gifted_sub", 15), ("gifted_sub", 20)]


def test_gifts_of_another_server_are_separate(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    period(tx, guild_id)
    period(tx, other_guild_id)
    gives(tx, guild_id, MIA, 2)
    there = viewer(tx, other_guild_id, MIA)
    assert tickets(tx, other_guild_id, there) == 0
    same = gifted(other_guild_id, MIA, 1)
    hear(tx, *same)
    assert tickets(tx, other_guild_id, there) == 15
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 30


# -- which raffle ---------------------------------------------------------------------------------


def test_a_gift_counts_in_the_raffle_of_its_time(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    period(tx, guild_id, END, END + timedelta(days=31))
    mia = viewer(tx, guild_id, MIA)
    gives(tx, guild_id, MIA, 1, END - timedelta(microseconds=1))
    gives(tx, guild_id, MIA, 2, END)
    assert [tickets(tx, guild_id, mia, number) for number in (1, 2)] == [15, 30]


def test_late_gift_counts_in_its_raffle_until_the_freeze(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    period(tx, guild_id, END, END + timedelta(days=31))
    mia = viewer(tx, guild_id, MIA)
    gives(tx, guild_id, MIA, 1, END - SECOND)
    freeze(tx, guild_id)
    gives(tx, guild_id, MIA, 2, END - 2 * SECOND)
    assert [tickets(tx, guild_id, mia, number) for number in (1, 2)] == [15, 30]


def test_gift_before_its_raffle_opens_is_credited_on_opening(tx: Connection, guild_id: int) -> None:
    gives(tx, guild_id, MIA, 2, START + SECOND)
    gives(tx, guild_id, MIA, 1, START - SECOND)
    opened = period(tx, guild_id)
    mia = viewer(tx, guild_id, MIA)
    assert tickets(tx, guild_id, mia) == 0
    credit(tx, opened, MIDDLE)
    credit(tx, opened, MIDDLE)
    assert tickets(tx, guild_id, mia) == 30, "and what was given before it is not"


def test_a_frozen_raffle_takes_no_late_gifts(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    freeze(tx, guild_id)
    mia = viewer(tx, guild_id, MIA)
    add_gift(tx, guild_id, "late", mia)
    credit(tx, opened, END)
    assert list_balances(tx, guild_id, 1) == {}


# -- linking --------------------------------------------------------------------------------------


def test_linking_announces_waiting_tickets(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id, prize="A mouse")
    gives(tx, guild_id, MIA, 3)
    mia = link(tx, guild_id, MIA, MIDDLE + SECOND)
    assert tickets(tx, guild_id, mia) == 45
    (notice,) = posted(tx, guild_id, "raffle.waited")
    assert notice.payload["tickets"] == 45
    assert notice.target == {"user_id": discord_of(MIA), "if_possible": True}


def test_linking_without_tickets_sends_nothing(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    link(tx, guild_id, MIA, MIDDLE)
    assert posted(tx, guild_id, "raffle.waited") == []


# -- thanks ---------------------------------------------------------------------------------------


def announced(tx: Connection, guild_id: int) -> list[tuple[str, int, int]]:
    """Name, gifts and tickets of each thanks, edits included."""
    return [
        (m.payload["name"], m.payload["gifts"], m.payload["tickets"])
        for m in posted(tx, guild_id, "raffle.gift")
    ]


def announce(tx: Connection) -> None:
    for guild_id, drop in gifts.list_unannounced(tx):
        do(tx, guild_id, MIDDLE, gifts.announce_drop, drop)


def test_one_message_for_a_gift_bomb_is_edited_as_it_grows(tx: Connection, guild_id: int) -> None:
    with_channel(tx, guild_id)
    period(tx, guild_id)
    events = gifted(guild_id, MIA, 50)
    hear(tx, *events[:20])
    announce(tx)
    hear(tx, *events[20:])
    announce(tx)
    announce(tx)
    assert announced(tx, guild_id) == [("MadCats", 20, 300), ("MadCats", 50, 750)]
    first, second = posted(tx, guild_id, "raffle.gift")
    assert second.target == {"channel_id": CHANNEL_ID, "edits": first.key}


def test_anonymous_gift_is_thanked_while_a_raffle_is_open(tx: Connection, guild_id: int) -> None:
    with_channel(tx, guild_id)
    period(tx, guild_id)
    gives(tx, guild_id, None, 2)
    gives(tx, guild_id, None, 2, END + SECOND)
    announce(tx)
    assert announced(tx, guild_id) == [("", 2, 0)]


def test_no_thanks_without_raffle_or_channel(tx: Connection, guild_id: int) -> None:
    gives(tx, guild_id, MIA, 2, END)
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 2)
    announce(tx)
    with_channel(tx, guild_id)
    announce(tx)
    assert announced(tx, guild_id) == []


def test_gifts_credited_later_are_announced_later(tx: Connection, guild_id: int) -> None:
    with_channel(tx, guild_id)
    gives(tx, guild_id, MIA, 2)
    announce(tx)
    credit(tx, period(tx, guild_id), MIDDLE)
    announce(tx)
    assert announced(tx, guild_id) == [("MadCats", 2, 30)]


# -- taking back ----------------------------------------------------------------------------------


def drop_of(tx: Connection, guild_id: int, user_id: int) -> str:
    viewer_id = viewer(tx, guild_id, user_id)
    return do(tx, guild_id, MIDDLE, gifts.list_drops, viewer_id=viewer_id)[0].drop


def test_voiding_posts_compensating_entries_and_a_log_message(
    tx: Connection, guild_id: int
) -> None:
    with_channel(tx, guild_id)
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 2)
    mia = viewer(tx, guild_id, MIA)
    done = do(tx, guild_id, MIDDLE, gifts.void_drop, drop_of(tx, guild_id, MIA))
    assert (done.name, done.gifts, done.taken, done.missing) == ("MadCats", 2, 30, 0)
    assert rows(tx, guild_id, mia) == [("gifted_sub", a) for a in (15, 15, -15, -15)]
    assert tickets(tx, guild_id, mia) == 0
    (shown,) = posted(tx, guild_id, "raffle.changed")
    assert (shown.payload["what"], shown.payload["actor"]) == ("void", str(ADMIN))


def test_a_gift_is_voided_once(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 1)
    gives(tx, guild_id, MIA, 1, MIDDLE + SECOND)
    drop = drop_of(tx, guild_id, MIA)
    do(tx, guild_id, MIDDLE, gifts.void_drop, drop)
    with pytest.raises(Refusal, match="already voided"):
        do(tx, guild_id, MIDDLE, gifts.void_drop, drop)
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 15


def test_voiding_takes_no_more_than_the_balance(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 2)
    change_tickets(tx, guild_id, "madcats", -20, "", "1", MIDDLE)
    done = do(tx, guild_id, MIDDLE, gifts.void_drop, drop_of(tx, guild_id, MIA))
    assert (done.taken, done.missing) == (10, 20)
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 0


def test_frozen_gift_cannot_be_voided(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 1)
    freeze(tx, guild_id)
    with pytest.raises(Refusal, match="is frozen"):
        do(tx, guild_id, END, gifts.void_drop, drop_of(tx, guild_id, MIA))
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 15


def test_voiding_skips_the_part_of_a_drop_that_is_frozen(tx: Connection, guild_id: int) -> None:
    with_channel(tx, guild_id)
    period(tx, guild_id)
    events = gifted(guild_id, MIA, 5)
    hear(tx, *events[:3])
    freeze(tx, guild_id)
    period(tx, guild_id, END, END + timedelta(days=31))
    hear(tx, *events[3:])
    mia = viewer(tx, guild_id, MIA)
    done = do(tx, guild_id, END, gifts.void_drop, drop_of(tx, guild_id, MIA))
    assert (done.gifts, done.taken, done.frozen) == (2, 30, 3)
    assert [tickets(tx, guild_id, mia, number) for number in (1, 2)] == [45, 0]
    with pytest.raises(Refusal, match="#1 is frozen"):
        do(tx, guild_id, END, gifts.void_drop, drop_of(tx, guild_id, MIA))


def test_late_gifts_of_a_voided_drop_can_be_voided(tx: Connection, guild_id: int) -> None:
    with_channel(tx, guild_id)
    period(tx, guild_id)
    events = gifted(guild_id, MIA, 3)
    for batch, now in ((events[:2], MIDDLE), (events[2:], MIDDLE + SECOND)):
        hear(tx, *batch)
        do(tx, guild_id, now, gifts.void_drop, drop_of(tx, guild_id, MIA))
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 0
    shown = [m.payload["gifts"] for m in posted(tx, guild_id, "raffle.changed")]
    assert shown == [2, 1]


def test_voided_gift_is_never_credited(tx: Connection, guild_id: int) -> None:
    gives(tx, guild_id, MIA, 1)
    do(tx, guild_id, MIDDLE, gifts.void_drop, drop_of(tx, guild_id, MIA))
    credit(tx, period(tx, guild_id), MIDDLE)
    assert tickets(tx, guild_id, viewer(tx, guild_id, MIA)) == 0


def test_gifts_of_another_server_cannot_be_voided(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 1)
    with pytest.raises(Refusal, match="Gift not found"):
        do(tx, other_guild_id, MIDDLE, gifts.void_drop, drop_of(tx, guild_id, MIA))


def test_a_revoked_gift_is_taken_back_once(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    first, _second = gives(tx, guild_id, LEO, 2)
    revoked = SupportRevoked(
        key=f"SubGifted|{first.key}",
        guild_id=guild_id,
        at=MIDDLE + SECOND,
        platform="kick",
        channel_id=1,
        event="SubGifted",
        of=first.key,
    )
    hear(tx, revoked)
    hear(tx, revoked)
    leo = viewer(tx, guild_id, LEO)
    assert sources(tx, guild_id, leo) == {"gifted_sub": 15}
    assert tickets(tx, guild_id, leo) == 15


def test_only_hashes_of_natural_keys_are_stored(tx: Connection, guild_id: int) -> None:
    """Entries are permanent, so they must not identify a person whose data was deleted."""
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 1)
    for table, column in (("raffle_gifts", "key"), ("raffle_gifts", "drop")):
        kept = tx.execute(text(f"SELECT {column} FROM {table}")).scalars()
        assert all(len(value) == 64 for value in kept)
    keys = tx.execute(text("SELECT source_key FROM raffle_entries")).scalars()
    assert all(key.startswith("gift:") and len(key) == 69 for key in keys)
