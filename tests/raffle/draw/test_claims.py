"""The winner's path: the prize is claimed in time or another winner is drawn; every step happens
once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Connection, text

from core.guilds.actions import change_setting
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.connection import Database
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.outbox.actions import find_receipt
from core.raffle import rules
from core.raffle.draw import (
    actions,
    claims,
    messages,
    posts,
)
from core.raffle.draw.discord import render_winner
from core.raffle.draw_records import Pick
from tests.acting import act
from tests.clean import cleaned
from tests.raffle.draw.rig import (
    ADMIN,
    CHANNEL_ID,
    DUE,
    NAMES,
    WINDOW,
    audited,
    beacon,
    check,
    claim,
    did_not_claim,
    discord_took,
    do,
    draw_of,
    drew,
    ended,
    exclude,
    froze,
    notified,
    order_of,
    picks_of,
    posted,
    state_of,
    states,
    stayed_up,
)
from tests.raffle.scene import CONFIG, SETTINGS

LATE = DUE + WINDOW


def test_winner_claims_and_receives_the_prize(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    assert claim(tx, pick).state == "claimed"
    assert state_of(tx, guild_id, number) == "drawn"
    done = do(tx, guild_id, LATE, claims.deliver, CONFIG, pick.name)
    assert (done.state, done.delivered_at) == ("delivered", LATE)
    assert state_of(tx, guild_id, number) == "closed"
    assert audited(tx, guild_id) == [
        f"raffle.freeze #{number}",
        f"raffle.draw #{number}",
        f"raffle.pick #{number}.1",
        f"raffle.claim #{number}.1",
        f"raffle.deliver #{number}.1",
    ]
    shown = [m.payload["state"] for m in posted(tx, guild_id, "raffle.winner")]
    assert shown[-3:] == ["drawn", "claimed", "delivered"]


def test_claim_window_is_a_setting_and_includes_its_end(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    act(tx, guild_id, change_setting, SETTINGS["claim_minutes"], 10, actor=ADMIN)
    froze(tx, guild_id, number)
    (message,) = posted(tx, guild_id, "raffle.frozen")
    shown = messages.frozen(message.payload).embed
    assert shown is not None
    assert "10 min" in [field.value for field in shown.fields]
    # Someone who does not like the first winner may try to shorten the time.
    act(tx, guild_id, change_setting, SETTINGS["claim_minutes"], 1, actor=ADMIN)
    (pick,) = drew(tx, guild_id, number)
    assert pick.expires_at == DUE + timedelta(minutes=10)
    notified(tx, pick)
    stayed_up(tx, DUE + timedelta(minutes=10))
    with pytest.raises(Refusal, match="run out"):
        claim(tx, pick, at=timedelta(minutes=10, microseconds=1))
    assert claim(tx, pick, at=timedelta(minutes=10)).state == "claimed"


def test_only_the_winner_can_claim(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    with pytest.raises(Refusal, match="your prize"):
        claim(tx, pick, claimer=4711)
    assert states(tx, guild_id, pick.period) == [(pick.name, "drawn")]


def test_prize_cannot_be_claimed_from_another_server(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    with pytest.raises(Refusal, match="no such winner"):
        run_in_guild(
            tx, other_guild_id, pick.discord_id or 0, DUE, claims.claim, CONFIG, pick.period, pick.k
        )


def test_second_claim_or_delivery_is_rejected(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    claim(tx, pick)
    with pytest.raises(Refusal, match="already claimed"):
        claim(tx, pick)
    do(tx, guild_id, LATE, claims.deliver, CONFIG, pick.name)
    with pytest.raises(Refusal, match="already received"):
        claim(tx, pick)
    with pytest.raises(Refusal, match="no claimed prize"):
        do(tx, guild_id, LATE, claims.deliver, CONFIG, pick.name)


def test_unclaimed_prize_cannot_be_delivered(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    with pytest.raises(Refusal, match="no claimed prize"):
        do(tx, guild_id, DUE, claims.deliver, CONFIG, pick.name)


# -- silence ------------------------------------------------------------------------------------


def test_silent_winner_is_replaced_and_other_winners_stay(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, winners=2)
    first, second = drew(tx, guild_id, number)
    order = order_of(tx, draw_of(tx, guild_id, number))
    claim(tx, second)
    assert did_not_claim(tx, guild_id, number, first.k, LATE)
    after = picks_of(tx, guild_id, number)
    assert [pick.state for pick in after] == ["expired", "claimed", "drawn"]
    assert [pick.pseudonym for pick in after] == order[:3]
    assert after[2].expires_at == LATE + WINDOW


def test_silent_winner_expires_once_at_the_deadline(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    drew(tx, guild_id, number)
    early = LATE - timedelta(microseconds=1)
    assert not did_not_claim(tx, guild_id, number, 1, early)
    assert did_not_claim(tx, guild_id, number, 1, LATE)
    assert not did_not_claim(tx, guild_id, number, 1, LATE)
    assert [state for _name, state in states(tx, guild_id, number)] == ["expired", "drawn"]


def test_claimed_prize_does_not_expire(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    claim(tx, pick)
    assert not did_not_claim(tx, guild_id, number, 1, LATE + WINDOW)


def test_raffle_closes_when_no_winner_claims(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, ("mia", "leo"))
    drew(tx, guild_id, number)
    assert did_not_claim(tx, guild_id, number, 1, LATE)
    assert did_not_claim(tx, guild_id, number, 2, LATE + WINDOW)
    assert state_of(tx, guild_id, number) == "closed"
    assert len(posted(tx, guild_id, "raffle.nobody")) == 1


# -- time that does not count -------------------------------------------------------------------


def found(tx: Connection, pick: Pick) -> Pick:
    return picks_of(tx, pick.guild_id, pick.period)[pick.k - 1]


def dms_are_closed(tx: Connection) -> None:
    tx.execute(
        text("""
            UPDATE outbox_messages SET state = 'sent', receipt = '{"skipped": "closed"}'
             WHERE kind = 'raffle.won' AND state = 'waiting'
        """)
    )


def channel_is_gone(tx: Connection, channel_id: int) -> None:
    """Let waiting messages to this channel fail."""
    tx.execute(
        text("""
            UPDATE outbox_messages SET state = 'dead', error = 'no such channel'
             WHERE (target->>'channel_id')::bigint = :channel_id AND state = 'waiting'
        """),
        {"channel_id": channel_id},
    )


def test_claim_window_starts_when_the_winner_is_notified(tx: Connection, guild_id: int) -> None:
    """The process died or Discord was down: the full time starts with the post."""
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    assert not check(tx, guild_id, number, 1, LATE)
    assert found(tx, pick).claimable_since is None
    notified_at = LATE - timedelta(hours=1)
    notified(tx, pick, notified_at)
    assert found(tx, pick).expires_at == notified_at + WINDOW
    shown = posted(tx, guild_id, "raffle.winner")[-1].payload
    assert (shown["state"], shown["expires_at"]) == ("drawn", (notified_at + WINDOW).isoformat())
    assert not did_not_claim(tx, guild_id, number, 1, notified_at + WINDOW - timedelta(seconds=1))
    assert did_not_claim(tx, guild_id, number, 1, notified_at + WINDOW)


@pytest.mark.parametrize("hours", [1, 20, 47, 48, 100])
def test_downtime_does_not_count_towards_the_claim_window(
    tx: Connection, guild_id: int, hours: int
) -> None:
    """In the middle of the time to claim, or at its end: or whoever runs the bot could stop it
    until the wrong winner's time is over."""
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    notified(tx, pick)
    down = DUE + timedelta(hours=10)
    stayed_up(tx, down + timedelta(seconds=20))
    up = down + timedelta(hours=hours)
    assert not check(tx, guild_id, number, 1, up)
    until = LATE + timedelta(hours=hours) + rules.DETECTION_DELAY
    assert found(tx, pick).expires_at == until
    assert posted(tx, guild_id, "raffle.winner")[-1].payload["expires_at"] == until.isoformat()
    assert "raffle.more_time #1.1" in audited(tx, guild_id)
    discord_took(tx, up)
    assert not did_not_claim(tx, guild_id, number, 1, until - timedelta(seconds=1))
    stayed_up(tx, until)
    assert claim(tx, found(tx, pick), at=until - DUE).state == "claimed"


def test_first_claim_after_downtime_is_in_time(tx: Connection, guild_id: int) -> None:
    """It may come before the clock is looked at."""
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    notified(tx, pick)
    stayed_up(tx, LATE - timedelta(minutes=1))
    assert claim(tx, pick, at=WINDOW + timedelta(hours=3)).state == "claimed"


def test_restart_changes_nothing(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    notified(tx, pick)
    before = posted(tx, guild_id)
    assert not check(tx, guild_id, number, 1, DUE + rules.SHORT_INTERRUPTION)
    assert found(tx, pick).expires_at == LATE
    assert posted(tx, guild_id) == before


def test_unreachable_winner_keeps_the_whole_window_and_admins_are_notified(
    tx: Connection, guild_id: int
) -> None:
    act(tx, guild_id, change_setting, ADMIN_CHANNEL, 555, actor=ADMIN)
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    dms_are_closed(tx)
    channel_is_gone(tx, CHANNEL_ID)
    for hours in (1, 2, 100):
        stayed_up(tx, DUE + timedelta(hours=hours))
        assert not check(tx, guild_id, number, 1, DUE + timedelta(hours=hours))
    assert found(tx, pick).claimable_since is None
    (alert,) = posted(tx, guild_id, "raffle.unreachable")
    assert alert.target == {"channel_id": 555}
    shown = messages.unreachable(alert.payload).embed
    assert shown.title is not None
    assert pick.name in shown.title
    # They choose another channel: it is posted there, and the time starts only then.
    act(tx, guild_id, change_setting, SETTINGS["channel"], 4711, actor=ADMIN)
    assert not check(tx, guild_id, number, 1, DUE + timedelta(hours=101))
    again = posted(tx, guild_id, "raffle.winner")[-1]
    assert again.target == {"channel_id": 4711}
    assert render_winner(again.payload).calls == pick.discord_id
    at = DUE + timedelta(hours=102)
    notified(tx, pick, at)
    assert found(tx, pick).expires_at == at + WINDOW
    assert len(posted(tx, guild_id, "raffle.unreachable")) == 1
    claim(tx, pick, at=timedelta(hours=103))
    (edit,) = [m for m in posted(tx, guild_id, "raffle.winner") if m.payload["state"] == "claimed"]
    assert edit.target == {"channel_id": 4711, "edits": again.key}


@pytest.mark.parametrize("notified", [False, True], ids=["before the admins are notified", "after"])
def test_unreachable_and_excluded_winner_is_replaced_immediately(
    tx: Connection, guild_id: int, notified: bool
) -> None:
    act(tx, guild_id, change_setting, ADMIN_CHANNEL, 555, actor=ADMIN)
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    if not notified:
        exclude(tx, guild_id, pick.name, DUE)
    assert not check(tx, guild_id, number, 1, DUE), "a message is still on its way"
    dms_are_closed(tx)
    channel_is_gone(tx, CHANNEL_ID)
    if notified:
        assert not check(tx, guild_id, number, 1, DUE + timedelta(minutes=1))
        exclude(tx, guild_id, pick.name, DUE)
    assert check(tx, guild_id, number, 1, DUE + timedelta(minutes=2))
    first, second = picks_of(tx, guild_id, number)
    assert (first.state, first.reason, second.state) == ("skipped", "excluded", "drawn")
    assert len(posted(tx, guild_id, "raffle.unreachable")) == notified
    assert not check(tx, guild_id, number, 1, DUE + timedelta(minutes=3)), "only once"


def test_excluded_winner_keeps_the_window_while_the_post_can_be_reposted(
    tx: Connection, guild_id: int
) -> None:
    """Otherwise an admin could get another winner by deleting the post."""
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    dms_are_closed(tx)
    notified(tx, pick)
    exclude(tx, guild_id, pick.name, DUE)
    do(tx, guild_id, DUE, claims.mark_deleted, CHANNEL_ID)
    assert not check(tx, guild_id, number, 1, DUE + timedelta(minutes=1))
    assert (found(tx, pick).state, found(tx, pick).posts) == ("drawn", 2)


def test_raffles_are_locked_in_a_fixed_order(tx: Connection, guild_id: int) -> None:
    """Two messages that are deleted at once would wait for each other's raffle."""
    numbers = [
        ended(tx, guild_id, (name,), earlier=timedelta(days=31 * months))
        for months, name in enumerate(NAMES[:3])
    ]
    for number in reversed(numbers):
        drew(tx, guild_id, number)
    posted_there = do(tx, guild_id, DUE, claims.list_posted_in, CHANNEL_ID)
    assert [pick.period for pick in posted_there] == numbers


def test_winner_reached_by_dm_can_claim_without_the_channel(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    channel_is_gone(tx, CHANNEL_ID)
    discord_took(tx, DUE, "raffle.won")
    check(tx, guild_id, number, 1, DUE)
    assert found(tx, pick).claimable_since == DUE
    assert posted(tx, guild_id, "raffle.unreachable") == []
    assert did_not_claim(tx, guild_id, number, 1, LATE)


def test_deleted_post_pauses_the_window_and_is_reposted(tx: Connection, guild_id: int) -> None:
    act(tx, guild_id, change_setting, ADMIN_CHANNEL, 555, actor=ADMIN)
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    dms_are_closed(tx)
    notified(tx, pick)
    stayed_up(tx, DUE + timedelta(hours=1))
    for count in (2, 3):
        receipt = do(tx, guild_id, DUE, find_receipt, posts.winner_key(found(tx, pick)))
        do(tx, guild_id, DUE, claims.mark_deleted, CHANNEL_ID, {1, 2})
        assert not found(tx, pick).post_gone, "those were other messages"
        do(tx, guild_id, DUE, claims.mark_deleted, CHANNEL_ID, {receipt["message_id"], 1})
        check(tx, guild_id, number, 1, DUE + timedelta(hours=2 * count))
        assert found(tx, pick).posts == count
        notified(tx, pick, DUE + timedelta(hours=2 * count))
    do(tx, guild_id, DUE, claims.mark_deleted, CHANNEL_ID)
    for _twice in range(2):
        assert not check(tx, guild_id, number, 1, LATE + timedelta(days=9))
    assert found(tx, pick).posts == 3, "who deletes it again and again means it"
    assert len(posted(tx, guild_id, "raffle.unreachable")) == 1
    assert found(tx, pick).state == "drawn"


def test_post_deleted_during_downtime_is_detected_when_edited(
    tx: Connection, guild_id: int
) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    dms_are_closed(tx)
    notified(tx, pick)
    back = DUE + timedelta(hours=5)
    check(tx, guild_id, number, 1, back)
    tx.execute(
        text("""
            UPDATE outbox_messages SET state = 'sent',
                   receipt = '{"skipped": "the original was deleted"}'
             WHERE target ? 'edits' AND state = 'waiting'
        """)
    )
    check(tx, guild_id, number, 1, back + timedelta(seconds=20))
    assert found(tx, pick).claimable_at == back


# -- at the same time ---------------------------------------------------------------------------


@pytest.fixture
def gate(database: Database) -> Iterator[Database]:
    with cleaned(database):
        yield database


def at_once(gate: Database, *acts: Callable[[Connection], object]) -> list[object]:
    """Run each in its own transaction and thread; a Refusal counts as a result."""
    ready = Barrier(len(acts))

    def one(act: Callable[[Connection], object]) -> object:
        ready.wait()
        try:
            with gate.begin() as tx:
                return act(tx)
        except Refusal as refusal:
            return refusal

    with ThreadPoolExecutor(len(acts)) as threads:
        return list(threads.map(one, acts))


def test_simultaneous_freezes_freeze_once(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        number = ended(tx, guild_id)
    results = at_once(gate, *[lambda tx: froze(tx, guild_id, number)] * 6)
    assert len([result for result in results if not isinstance(result, Refusal)]) == 1
    with gate.begin() as tx:
        assert len(posted(tx, guild_id, "raffle.frozen")) == 1


def test_simultaneous_draws_draw_once(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        number = ended(tx, guild_id, winners=2)
        draw = froze(tx, guild_id, number)
        discord_took(tx, DUE, "raffle.frozen")
        do(tx, guild_id, DUE, actions.store_round, CONFIG, number, beacon(draw))
    draws = at_once(
        gate, *[lambda tx: do(tx, guild_id, DUE, actions.draw_winners, CONFIG, number)] * 6
    )
    assert sorted(map(bool, draws)) == [False] * 5 + [True]
    with gate.begin() as tx:
        assert len(states(tx, guild_id, number)) == 2


@pytest.mark.parametrize("_try", range(3))
def test_claim_at_the_deadline_never_coincides_with_a_redraw(
    gate: Database, guild_id: int, _try: int
) -> None:
    with gate.begin() as tx:
        number = ended(tx, guild_id)
        (pick,) = drew(tx, guild_id, number)
    at_once(
        gate,
        lambda tx: claim(tx, pick),
        lambda tx: did_not_claim(tx, guild_id, number, 1, LATE),
        lambda tx: did_not_claim(tx, guild_id, number, 1, LATE),
    )
    with gate.begin() as tx:
        found = [state for _name, state in states(tx, guild_id, number)]
    assert found in (["claimed"], ["expired", "drawn"])
