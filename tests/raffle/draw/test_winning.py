"""The winner's path: claimed in time, or the next one is drawn; every step once."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from threading import Barrier

import pytest
from sqlalchemy import Connection, text

from core.guilds.actions import change_setting
from core.kit.database import Database
from core.kit.errors import Refusal
from core.raffle.draw import actions, embeds, rules, store, winning
from core.raffle.draw.store import Pick
from core.raffle.settings import CLAIM_MINUTES
from tests.clean import cleaned
from tests.raffle.draw.rig import (
    ADMIN,
    DUE,
    audited,
    beacon,
    discord_took,
    drew,
    ended,
    froze,
    posted,
    silent,
    state_of,
    states,
)
from tests.raffle.scene import MEANS

WINDOW = timedelta(minutes=2880)
LATE = DUE + WINDOW


def claim(
    tx: Connection, pick: Pick, claimer: int | None = None, *, at: timedelta = WINDOW
) -> Pick:
    who = claimer or pick.discord_id or 0
    return winning.claim(tx, MEANS, pick.guild_id, pick.period, pick.k, who, DUE + at)


def test_the_winner_claims_and_gets_the_prize(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    assert claim(tx, pick).state == "claimed"
    assert state_of(tx, guild_id, number) == "drawn"
    done = winning.deliver(tx, MEANS, guild_id, pick.name, ADMIN, LATE)
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


def test_the_window_is_a_setting_and_its_last_instant_counts(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    change_setting(tx, guild_id, CLAIM_MINUTES, 10, ADMIN)
    froze(tx, guild_id, number)
    (message,) = posted(tx, guild_id, "raffle.frozen")
    shown = embeds.frozen(message.payload).embed
    assert shown is not None
    assert "10 min" in [field.value for field in shown.fields]
    # Whoever does not like the first winner would like to make the time short.
    change_setting(tx, guild_id, CLAIM_MINUTES, 1, ADMIN)
    (pick,) = drew(tx, guild_id, number)
    assert pick.expires_at == DUE + timedelta(minutes=10)
    with pytest.raises(Refusal, match="is over"):
        claim(tx, pick, at=timedelta(minutes=10, microseconds=1))
    assert claim(tx, pick, at=timedelta(minutes=10)).state == "claimed"


def test_nobody_claims_for_the_winner(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    with pytest.raises(Refusal, match="not yours"):
        claim(tx, pick, claimer=4711)
    assert states(tx, guild_id, pick.period) == [(pick.name, "drawn")]


def test_another_server_cannot_claim_it(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    with pytest.raises(Refusal, match="no such winner"):
        winning.claim(tx, MEANS, other_guild_id, pick.period, pick.k, pick.discord_id or 0, DUE)


def test_a_second_click_is_told_so(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    claim(tx, pick)
    with pytest.raises(Refusal, match="have claimed"):
        claim(tx, pick)
    winning.deliver(tx, MEANS, guild_id, pick.name, ADMIN, LATE)
    with pytest.raises(Refusal, match="have this prize"):
        claim(tx, pick)
    with pytest.raises(Refusal, match="no claimed prize"):
        winning.deliver(tx, MEANS, guild_id, pick.name, ADMIN, LATE)


def test_a_prize_that_was_not_claimed_is_not_delivered(tx: Connection, guild_id: int) -> None:
    (pick,) = drew(tx, guild_id, ended(tx, guild_id))
    with pytest.raises(Refusal, match="no claimed prize"):
        winning.deliver(tx, MEANS, guild_id, pick.name, ADMIN, DUE)


# -- silence ------------------------------------------------------------------------------------


def test_for_a_silent_winner_the_next_one_is_drawn_and_nobody_else_changes(
    tx: Connection, guild_id: int
) -> None:
    number = ended(tx, guild_id, winners=2)
    first, second = drew(tx, guild_id, number)
    draw = store.find_draw(tx, guild_id, number)
    assert draw is not None
    lines = rules.lines_of(store.get_snapshot(tx, guild_id, number))
    order = [line.pseudonym for line in actions.order_of(tx, MEANS, draw, lines)]
    claim(tx, second)
    assert silent(tx, guild_id, number, first.k, LATE)
    after = store.list_picks(tx, guild_id, number)
    assert [pick.state for pick in after] == ["expired", "claimed", "drawn"]
    assert [pick.pseudonym for pick in after] == order[:3]
    assert after[2].expires_at == LATE + WINDOW


def test_silence_is_noticed_at_the_last_instant_and_once(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    drew(tx, guild_id, number)
    early = LATE - timedelta(microseconds=1)
    assert store.list_silent(tx, early) == []
    assert not silent(tx, guild_id, number, 1, early)
    assert [pick.k for pick in store.list_silent(tx, LATE)] == [1]
    assert silent(tx, guild_id, number, 1, LATE)
    assert not silent(tx, guild_id, number, 1, LATE)
    assert [state for _name, state in states(tx, guild_id, number)] == ["expired", "drawn"]


def test_who_claimed_in_time_does_not_expire(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    claim(tx, pick)
    assert not silent(tx, guild_id, number, 1, LATE + WINDOW)


def test_when_all_are_silent_it_is_over(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id, ("mia", "leo"))
    drew(tx, guild_id, number)
    assert silent(tx, guild_id, number, 1, LATE)
    assert silent(tx, guild_id, number, 2, LATE + WINDOW)
    assert state_of(tx, guild_id, number) == "closed"
    assert len(posted(tx, guild_id, "raffle.nobody")) == 1


def test_who_was_not_called_is_not_silent(tx: Connection, guild_id: int) -> None:
    """The process died, or Discord was away: the whole time begins with the call."""
    number = ended(tx, guild_id)
    drew(tx, guild_id, number)
    assert not winning.expire(tx, MEANS, guild_id, number, 1, LATE)
    assert [pick.k for pick in store.list_silent(tx, LATE)] == [1], "it is looked at again"
    called_at = LATE - timedelta(hours=1)
    discord_took(tx, called_at, "raffle.called")
    assert not winning.expire(tx, MEANS, guild_id, number, 1, LATE)
    pick = store.find_pick(tx, guild_id, number, 1)
    assert pick is not None
    assert (pick.state, pick.expires_at) == ("drawn", called_at + WINDOW)
    shown = posted(tx, guild_id, "raffle.winner")[-1].payload
    assert (shown["state"], shown["expires_at"]) == ("drawn", (called_at + WINDOW).isoformat())
    assert winning.expire(tx, MEANS, guild_id, number, 1, called_at + WINDOW)


def test_who_could_not_claim_because_the_bot_was_away_gets_time_again(
    tx: Connection, guild_id: int
) -> None:
    """Or whoever runs the bot could stop it until the wrong winner's time is over."""
    number = ended(tx, guild_id)
    (pick,) = drew(tx, guild_id, number)
    back = LATE + timedelta(minutes=11)
    assert not silent(tx, guild_id, number, 1, back)
    again = back + timedelta(days=1)
    calls = posted(tx, guild_id, "raffle.called")
    assert [call.payload["expires_at"] for call in calls] == [
        LATE.isoformat(),
        again.isoformat(),
    ]
    assert "raffle.more_time #1.1" in audited(tx, guild_id)
    discord_took(tx, back)
    assert silent(tx, guild_id, number, 1, again)
    assert [state for _name, state in states(tx, guild_id, number)] == ["expired", "drawn"]
    with pytest.raises(Refusal, match="is over"):
        winning.claim(tx, MEANS, guild_id, number, 1, pick.discord_id or 0, again)


def test_a_channel_that_is_gone_holds_nothing_up(tx: Connection, guild_id: int) -> None:
    number = ended(tx, guild_id)
    drew(tx, guild_id, number)
    tx.execute(text("UPDATE outbox_messages SET state = 'shelved', error = 'gone'"))
    assert winning.expire(tx, MEANS, guild_id, number, 1, LATE)


# -- at the same time ---------------------------------------------------------------------------


@pytest.fixture
def gate(database: Database) -> Iterator[Database]:
    with cleaned(database):
        yield database


def at_once(gate: Database, *acts: Callable[[Connection], object]) -> list[object]:
    """Each in a transaction and thread of its own; a Refusal is a result like others."""
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


def test_many_freezes_at_once_are_one(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        number = ended(tx, guild_id)
    results = at_once(gate, *[lambda tx: froze(tx, guild_id, number)] * 6)
    assert len([one for one in results if not isinstance(one, Refusal)]) == 1
    with gate.begin() as tx:
        assert len(posted(tx, guild_id, "raffle.frozen")) == 1


def test_many_draws_at_once_are_one(gate: Database, guild_id: int) -> None:
    with gate.begin() as tx:
        number = ended(tx, guild_id, winners=2)
        draw = froze(tx, guild_id, number)
        actions.learn_beacon(tx, guild_id, number, beacon(draw))
    draws = at_once(gate, *[lambda tx: actions.draw_winners(tx, MEANS, guild_id, number, DUE)] * 6)
    assert sorted(map(bool, draws)) == [False] * 5 + [True]
    with gate.begin() as tx:
        assert len(states(tx, guild_id, number)) == 2


@pytest.mark.parametrize("_try", range(3))
def test_a_claim_at_the_last_moment_or_a_redraw_but_never_both(
    gate: Database, guild_id: int, _try: int
) -> None:
    with gate.begin() as tx:
        number = ended(tx, guild_id)
        (pick,) = drew(tx, guild_id, number)
    at_once(
        gate,
        lambda tx: claim(tx, pick),
        lambda tx: silent(tx, guild_id, number, 1, LATE),
        lambda tx: silent(tx, guild_id, number, 1, LATE),
    )
    with gate.begin() as tx:
        found = [state for _name, state in states(tx, guild_id, number)]
    assert found in (["claimed"], ["expired", "drawn"])
