"""The database's owner tries to move a prize, column by column. Each change is refused, or listed
here with what reveals it. New columns of decisive tables must be classified here."""

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import Connection, Table, text
from sqlalchemy.exc import DBAPIError

from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.connection import savepoint
from core.kit.database.records import table_of
from core.kit.discord.rest import DiscordRest
from core.kit.errors import Refusal
from core.people import store as people
from core.people.records import Link
from core.raffle.draw import actions, claims, messages, posts, publishing, store
from core.raffle.draw.discord import render_winner
from core.raffle.draw_records import Draw, Pick
from core.raffle.records import Announcement, Balance, Entry, Gift, Period, SourceTotal, TicketRate
from core.raffle.store import list_freezes
from core.raffle.tasks import check_health
from tests.acting import act
from tests.draws.verifier import verify
from tests.kick.rig import settings
from tests.raffle.draw.rig import (
    ADMIN,
    AFTER,
    CHANNEL_ID,
    DUE,
    WINDOW,
    as_owner,
    beacon,
    bundle,
    check,
    claim,
    did_not_claim,
    discord_id,
    discord_took,
    do,
    drew,
    ended,
    froze,
    notified,
    picks_of,
    posted,
    proof_of,
    snapshot_of,
    state_of,
    states,
    take_back_freeze,
    with_frozen,
)
from tests.raffle.draw.test_people import on_twitch, unlink
from tests.raffle.scene import CONFIG, SETTINGS, viewer

_CACHE = "the draw reads the ledger; `python -m core.raffle audit` finds it"
_LEDGER = "the ledger has what it was worth, and nothing is added once the raffle is frozen"
_SHOWN = "decides nothing"
_LATER = "part of the proof file: the verifier and the page find a time that is too short"
_VISIBLE = "the page, the posts and the proof file show it for good"

UNDECISIVE = {
    "raffle_periods.ends_with_month": _SHOWN,
    "raffle_periods.closed_at": _SHOWN,
    "raffle_periods.state": _VISIBLE,
    "raffle_draws.frozen_by": _SHOWN,
    "raffle_draws.given_up_by": _SHOWN,
    "raffle_draws.channel_id": _SHOWN,
    "raffle_draws.given_up_at": _VISIBLE,
    "raffle_draws.randomness": "the beacon's signature is checked before each draw",
    "raffle_draws.signature": "checked before each draw",
    "raffle_picks.state": _VISIBLE,
    "raffle_picks.reason": _VISIBLE,
    "raffle_picks.expires_at": "only later",
    "raffle_picks.claimable_at": _LATER,
    "raffle_picks.claimable_since": _LATER,
    "raffle_picks.claimed_at": _SHOWN,
    "raffle_picks.delivered_at": _SHOWN,
    "raffle_picks.delivered_by": _SHOWN,
    "raffle_picks.channel_id": _SHOWN,
    "raffle_picks.posts": _SHOWN,
    "raffle_picks.post_gone": "the page shows from when to when the winner could claim",
    "raffle_balances.tickets": _CACHE,
    "raffle_balances.left_out": _SHOWN,
    "raffle_balances.guild_id": _CACHE,
    "raffle_balances.period": _CACHE,
    "raffle_balances.viewer_id": _CACHE,
    "people_links.linked_at": _SHOWN,
    "people_links.discord_handle": _SHOWN,
    **{f"raffle_source_totals.{column.name}": _CACHE for column in table_of(SourceTotal).columns},
    **{f"raffle_gifts.{column.name}": _LEDGER for column in table_of(Gift).columns},
    **{f"raffle_rates.{column.name}": _LEDGER for column in table_of(TicketRate).columns},
}
"""Columns that the database lets be changed once a raffle is frozen, and why that moves no prize
unseen."""

TABLES: Sequence[Table] = [
    table_of(record)
    for record in (
        Period, Announcement, Entry, Balance, SourceTotal, Gift, TicketRate, Draw, Pick, Link,
    )
]  # fmt: skip


def changes(table: Table) -> Iterator[tuple[str, str]]:
    """Column, and an UPDATE of it to another value."""
    values = {
        "bool": ("NOT {}",),
        "int": ("coalesce({}, 0) + 1", "coalesce({}, 0) - 1", "-1"),
        "datetime": ("coalesce({}, now()) - interval '1 day'", "now() + interval '9 days'"),
        "str": ("coalesce({}, '') || 'x'", "''"),
    }
    for column in table.columns:
        kind = column.type.python_type.__name__
        for value in (*values[kind], *(["NULL"] if column.nullable else [])):
            new = value.format(column.name)
            where = f"{column.name} IS DISTINCT FROM ({new})"
            yield column.name, f"UPDATE {table} SET {column.name} = {new} WHERE {where}"


def is_refused(tx: Connection, statement: str) -> bool:
    """Or it changes nothing."""
    try:
        with tx.begin_nested() as attempt:
            changed = tx.execute(text(statement)).rowcount
            attempt.rollback()
    except DBAPIError:
        return True
    return changed == 0


PHASES = ("frozen", "number known", "drawn", "claimed", "delivered", "expired")


def in_phase(tx: Connection, guild_id: int, phase: str) -> int:
    number = ended(tx, guild_id)
    on_twitch(tx, guild_id, "mia", number, 20)
    froze(tx, guild_id, number)
    if phase == "number known":
        draw = do(tx, guild_id, DUE, actions.find_overdue, number) or froze_of(tx, guild_id, number)
        do(tx, guild_id, DUE, actions.store_round, CONFIG, number, beacon(draw))
    elif phase != "frozen":
        (pick,) = drew(tx, guild_id, number)
        notified(tx, pick)
        if phase in ("claimed", "delivered"):
            claim(tx, pick, at=timedelta(hours=1))
        if phase == "delivered":
            do(tx, guild_id, DUE + WINDOW, claims.deliver, CONFIG, pick.name)
        if phase == "expired":
            assert did_not_claim(tx, guild_id, number, 1, DUE + WINDOW)
    return number


def froze_of(tx: Connection, guild_id: int, number: int) -> Draw:
    return with_frozen(tx, guild_id, number, lambda raffle: raffle.draw)


@pytest.mark.parametrize("phase", PHASES)
def test_every_change_of_a_column_is_refused_or_classified(
    tx: Connection, guild_id: int, phase: str
) -> None:
    in_phase(tx, guild_id, phase)
    known = {*UNDECISIVE, *(["raffle_picks.discord_id"] if phase == "delivered" else [])}
    tried = [(f"{table}.{name}", sql) for table in TABLES for name, sql in changes(table)]
    open_to = [sql for name, sql in tried if name not in known and not is_refused(tx, sql)]
    assert open_to == []
    decisive = ("periods", "announcements", "draws", "entries", "picks")
    for table in decisive:
        for statement in (f"DELETE FROM raffle_{table}", f"TRUNCATE raffle_{table} CASCADE"):
            assert is_refused(tx, statement), statement
    assert is_refused(tx, "DELETE FROM raffle_balances WHERE listed_as IS NOT NULL")


def test_classified_columns_exist() -> None:
    assert set(UNDECISIVE) <= {
        f"{table}.{column.name}" for table in TABLES for column in table.columns
    }


STEPS = {
    "frozen": [
        "UPDATE raffle_periods SET state = 'drawn', drawn_at = now()",
        "UPDATE raffle_periods SET drawn_at = now()",
        "UPDATE raffle_draws SET randomness = repeat('0', 64)",
        "INSERT INTO raffle_balances (guild_id, period, viewer_id, tickets, listed_as)"
        " SELECT guild_id, number + 1, min(viewer_id), 0, max(viewer_id)"
        " FROM raffle_periods JOIN people_viewers USING (guild_id) GROUP BY guild_id, number",
        "INSERT INTO raffle_entries (guild_id, period, viewer_id, source, amount, source_key, at)"
        " SELECT guild_id, period, viewer_id, 'bonus', 999, 'late', now() FROM raffle_entries",
    ],
    "number known": [
        "UPDATE raffle_periods SET state = 'closed', closed_at = now()",
        "UPDATE raffle_draws SET given_up_at = now()",
        "UPDATE raffle_draws SET randomness = NULL, signature = NULL",
    ],
    "drawn": [
        "UPDATE raffle_picks SET state = 'expired'",
        "UPDATE raffle_picks SET state = 'expired', expires_at = claimable_at",
        "UPDATE raffle_picks SET claimable_since = claimable_since - interval '3 days'",
        "UPDATE raffle_picks SET discord_id = NULL",
        "UPDATE raffle_picks SET state = 'delivered'",
        "INSERT INTO raffle_picks (guild_id, period, k, pseudonym, claimant, state, drawn_at,"
        " expires_at) SELECT guild_id, period, 2, 'x', 'x', 'drawn', now(), now()"
        " FROM raffle_picks",
    ],
    "claimed": [
        "UPDATE raffle_picks SET state = 'expired'",
        "UPDATE raffle_picks SET state = 'skipped', reason = 'banned'",
        "UPDATE raffle_picks SET state = 'drawn'",
        "UPDATE raffle_picks SET discord_id = NULL",
    ],
    "expired": [
        "UPDATE raffle_picks SET state = 'claimed' WHERE state = 'expired'",
        "UPDATE raffle_picks SET state = 'drawn' WHERE state = 'expired'",
    ],
}


@pytest.mark.parametrize("phase", STEPS)
def test_steps_out_of_order_are_refused(tx: Connection, guild_id: int, phase: str) -> None:
    in_phase(tx, guild_id, phase)
    assert [step for step in STEPS[phase] if not is_refused(tx, step)] == []


# -- with the triggers switched off ---------------------------------------------------------------


def test_friend_who_took_over_the_account_cannot_win_with_it(tx: Connection, guild_id: int) -> None:
    """`people_links` is changed between freeze and draw: the winner is skipped, and that shows."""
    number = ended(tx, guild_id, ("ana",))
    froze(tx, guild_id, number)
    assert is_refused(tx, "UPDATE people_links SET discord_id = 4711")
    as_owner(tx, "UPDATE people_links SET discord_id = 4711")
    drew(tx, guild_id, number)
    (pick,) = picks_of(tx, guild_id, number)
    assert (pick.state, pick.reason, pick.claimant) == ("skipped", "unlinked", None)
    verified, _seen = verify(bundle(tx, guild_id, number))
    assert verified["picks"][0]["reason"] == "unlinked"


def test_member_sees_whether_they_are_the_claimant(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, ("ana", "leo"))
    froze(tx, guild_id, number)
    own = proof_of(tx, guild_id, "ana")
    assert own.claimant_account == f"discord:{discord_id('ana')}"
    assert own.claimant
    assert own.claimant in snapshot_of(tx, guild_id, number)
    steps = str(messages.proof(own).description)
    assert f"{own.claimant_secret} {own.claimant_account}" in steps
    unlink(tx, guild_id, viewer(tx, guild_id, "ana"))
    unlink(tx, guild_id, viewer(tx, guild_id, "leo"))
    people.add_link(tx, guild_id, discord_id("leo"), "kick", viewer(tx, guild_id, "ana"), DUE)
    foreign = proof_of(tx, guild_id, "leo")
    assert (foreign.claimant, foreign.claimant_secret) == (own.claimant, "")
    assert "Another member can claim" in str(messages.proof(foreign).description)


SHORTER = {
    "until": "expires_at = now() - interval '9 years'",
    "since": "claimable_since = drawn_at - interval '9 days',"
    " expires_at = drawn_at - interval '7 days'",
    "ahead": "claimable_at = now() + interval '9 days'",
}


@pytest.mark.parametrize("sets", SHORTER.values(), ids=SHORTER)
def test_winner_whose_time_was_shortened_is_not_passed_over(
    tx: Connection, guild_id: int, sets: str
) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    notified(tx, pick)
    as_owner(tx, f"UPDATE raffle_picks SET {sets}")
    hour = DUE + timedelta(hours=1)
    with pytest.raises(Refusal, match="less time to claim than promised"), savepoint(tx):
        check(tx, guild_id, number, 1, hour)
    assert states(tx, guild_id, number) == [(pick.name, "drawn")]
    assert claim(tx, pick, at=timedelta(hours=1)).state == "claimed"


def test_winner_who_was_passed_over_too_soon_is_flagged(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    notified(tx, pick)
    as_owner(
        tx,
        "UPDATE raffle_picks SET state = 'expired', expires_at = drawn_at + interval '1 hour',"
        " claimable_at = drawn_at + interval '1 hour'",
    )
    with_frozen(tx, guild_id, number, actions.pick_missing)
    with pytest.raises(ValueError, match="only 3600 seconds to claim"):
        verify(bundle(tx, guild_id, number))
    first = picks_of(tx, guild_id, number)[0]
    assert not with_frozen(tx, guild_id, number, lambda raffle: posts.had_full_time(raffle, first))


def test_post_that_promised_something_is_not_edited_away(tx: Connection, guild_id: int) -> None:
    """A new post says that the winner did not claim."""
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    notified(tx, pick)
    edits = text("SELECT count(*) FROM outbox_messages WHERE target ? 'edits' AND kind = :kind")
    assert did_not_claim(tx, guild_id, number, 1, DUE + WINDOW)
    assert tx.execute(edits, {"kind": "raffle.winner"}).scalar() == 0
    states_shown = [message.payload["state"] for message in posted(tx, guild_id, "raffle.winner")]
    assert states_shown == ["drawn", "expired", "drawn"]
    second = picks_of(tx, guild_id, number)[1]
    discord_took(tx, DUE + WINDOW)
    claim(tx, second, at=WINDOW + timedelta(hours=1))
    shown = posted(tx, guild_id, "raffle.winner")[-1].payload
    assert "It could be claimed until " in str(render_winner(shown).embed.description)


# -- what is posted -------------------------------------------------------------------------------


def fails(tx: Connection) -> None:
    tx.execute(text("UPDATE outbox_messages SET state = 'dead' WHERE kind = 'raffle.frozen'"))


def test_nothing_is_drawn_before_the_freeze_is_posted(tx: Connection, guild_id: int) -> None:
    """Admins are notified, and it is posted in the channel they choose."""
    act(tx, guild_id, change_setting, ADMIN_CHANNEL, 555, actor=ADMIN)
    number = ended(tx, guild_id)
    draw = froze(tx, guild_id, number)
    do(tx, guild_id, DUE, actions.store_round, CONFIG, number, beacon(draw))
    assert not do(tx, guild_id, DUE, actions.draw_winners, CONFIG, number)
    assert store.list_unposted(tx) == [], "it is on its way"
    fails(tx)
    assert [draw.period for draw in store.list_unposted(tx)] == [number]
    for _again in range(2):
        do(tx, guild_id, DUE, actions.post_freeze_again, CONFIG, number)
    (alert,) = posted(tx, guild_id, "raffle.undelivered")
    assert f"<#{CHANNEL_ID}>" in str(messages.undelivered(alert.payload).embed.description)
    assert any("rejected the post" in item.reason for item in check_health(tx, DUE))
    assert not do(tx, guild_id, DUE, actions.draw_winners, CONFIG, number)

    act(tx, guild_id, change_setting, SETTINGS["channel"], 888, actor=ADMIN)
    do(tx, guild_id, DUE, actions.post_freeze_again, CONFIG, number)
    assert store.list_unposted(tx) == []
    discord_took(tx, DUE, "raffle.frozen")
    assert do(tx, guild_id, DUE, actions.draw_winners, CONFIG, number)
    assert state_of(tx, guild_id, number) == "drawn"


def test_freeze_whose_post_was_removed_from_the_outbox_is_posted(
    tx: Connection, guild_id: int
) -> None:
    number = ended(tx, guild_id)
    froze(tx, guild_id, number)
    tx.execute(text("DELETE FROM outbox_messages WHERE kind = 'raffle.frozen'"))
    assert [draw.period for draw in store.list_unposted(tx)] == [number]
    do(tx, guild_id, AFTER, actions.post_freeze_again, CONFIG, number)
    assert len(posted(tx, guild_id, "raffle.frozen")) == 1


def test_freezes_are_numbered_and_chained(tx: Connection, guild_id: int) -> None:
    """Two posts with the same number, or a gap, reveal that a freeze was undone."""
    first = froze(tx, guild_id, ended(tx, guild_id, (), earlier=timedelta(days=40)))
    second = froze(tx, guild_id, ended(tx, guild_id))
    assert "\nprevious none\n" in snapshot_of(tx, guild_id, first.period)
    lines = snapshot_of(tx, guild_id, second.period)
    assert f"\nprevious 1 {first.snapshot_hash}\n" in lines
    shown = [
        messages.frozen(message.payload).embed for message in posted(tx, guild_id, "raffle.frozen")
    ]
    assert "Frozen list 1 of this server" in str(shown[0].footer.text)
    assert f"list 2 of this server · before it: {first.snapshot_hash[:16]}" in str(
        shown[1].footer.text
    )
    discord_took(tx, AFTER, "raffle.frozen")
    as_owner(tx, "DELETE FROM raffle_announcements WHERE period = :p", p=first.period)
    do(tx, guild_id, DUE, actions.store_round, CONFIG, second.period, beacon(second))
    with pytest.raises(Refusal, match="the terms are not those"):
        do(tx, guild_id, DUE, actions.draw_winners, CONFIG, second.period)


def as_discord_shows(tx: Connection, guild_id: int) -> list[dict[str, Any]]:
    """The bot's posts about frozen lists, as Discord's API gives them."""
    return [
        {
            "id": str(1 << 22),
            "channel_id": str(CHANNEL_ID),
            "embeds": [messages.frozen(message.payload).embed.to_dict()],
        }
        for message in posted(tx, guild_id, "raffle.frozen")
    ]


def test_freeze_that_was_removed_from_the_database_is_found_in_discord(
    tx: Connection, guild_id: int
) -> None:
    """The owner did not like the first number, and removed every row about the first list."""
    number = ended(tx, guild_id)
    first = froze(tx, guild_id, number)
    discord_took(tx, AFTER, "raffle.frozen")
    in_discord = as_discord_shows(tx, guild_id)
    take_back_freeze(tx)
    as_owner(tx, "DELETE FROM raffle_announcements WHERE kind = 'frozen'")
    as_owner(tx, "DELETE FROM outbox_messages WHERE kind = 'raffle.frozen'")
    second = froze(tx, guild_id, number, AFTER + timedelta(hours=1))
    discord_took(tx, DUE, "raffle.frozen")
    in_discord += as_discord_shows(tx, guild_id)
    found = posts.read_freezes(guild_id, [*in_discord, {"id": "1", "embeds": [{}, {"url": "x"}]}])
    assert [freeze.snapshot_hash for freeze in found] == [first.snapshot_hash, second.snapshot_hash]
    for _again in range(2):
        do(tx, guild_id, DUE, actions.compare_posted_freezes, CONFIG, number, found)
    (alert,) = posted(tx, guild_id, "raffle.refrozen")
    assert found[0].url in str(messages.refrozen(alert.payload).embed.description)
    freezes = do(tx, guild_id, DUE, list_freezes, number)
    assert [freeze.kind for freeze in freezes] == ["frozen", "found"]
    (past,) = do(tx, guild_id, DUE, publishing.list_past, CONFIG, 10)
    assert len(past.freezes) == 2
    assert "more than once" in str(messages.history([past]).description)


def test_only_the_bots_own_posts_are_compared(httpserver: HTTPServer) -> None:
    def message(number: int, author: str) -> dict[str, Any]:
        return {"id": str(number), "author": {"id": author}}

    newest = [message(number, "7") for number in range(300, 200, -1)]
    rest = [message(200, "8"), message(150, "7"), message(90, "7")]
    httpserver.expect_request("/applications/@me").respond_with_json({"bot": {"id": "7"}})
    listed = "/channels/5/messages"
    httpserver.expect_request(listed, query_string="limit=100").respond_with_json(newest)
    httpserver.expect_request(listed, query_string="limit=100&before=201").respond_with_json(rest)
    httpserver.expect_request("/channels/6/messages").respond_with_data(status=403)
    rest_api = DiscordRest(settings(discord_api_url=httpserver.url_for("").rstrip("/")))
    found = rest_api.own_messages(5, after=100)
    assert [int(freeze["id"]) for freeze in found or ()] == [*range(300, 200, -1), 150]
    assert rest_api.own_messages(6, after=100) is None


@pytest.mark.parametrize(
    ("statement", "words"),
    [
        ("UPDATE raffle_draws SET snapshot = snapshot || 'x'", "not the one of its hash"),
        ("UPDATE raffle_draws SET round = round + 1", "not the one that was announced"),
        (
            "INSERT INTO raffle_announcements (guild_id, period, kind, at, snapshot_hash)"
            " SELECT guild_id, period, 'found', now(), 'x' FROM raffle_draws",
            "frozen more than once",
        ),
        ("UPDATE raffle_picks SET expires_at = drawn_at", "less time to claim"),
        ("UPDATE raffle_picks SET claimant = repeat('0', 32)", "not the claimant of the list"),
    ],
)
def test_audit_finds_what_was_changed(
    tx: Connection, guild_id: int, statement: str, words: str
) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    assert store.list_altered(tx) == []
    assert store.list_disabled_triggers(tx) == []
    as_owner(tx, statement)
    found = [row.what for row in store.list_altered(tx) if row.period == pick.period]
    assert any(words in what for what in found), found
    tx.execute(text("ALTER TABLE raffle_picks DISABLE TRIGGER raffle_picks_kept"))
    assert store.list_disabled_triggers(tx) == ["raffle_picks_kept"]
