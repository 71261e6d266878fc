"""What games use: stakes, payouts, refunds; limits; a provider that answers later."""

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.events import PointsMoved
from core.kit.database.records import ViewerId
from core.kit.database.work import Work
from core.people.exclusions.store import add_exclusion
from core.points import ledger, providers
from core.points.ledger import NewEntry
from core.points.providers import PROVIDERS, Amounts, Moved, Round
from core.points.records import Operation, PlayLimit
from tests.points.scene import MIA, PIA, TOM, PointsGuild

HEIST = Round("heist", 12)


def test_a_stake_is_taken_once_and_whole_or_not_at_all(guild: PointsGuild) -> None:
    mia, tom = guild.viewer(MIA), guild.viewer(TOM)
    guild.give(mia, 100)
    guild.give(tom, 99)
    for _twice in range(2):
        moved = guild.do(providers.take, HEIST, "heist:12:join", {mia: 100, tom: 100})
        assert moved == Moved("heist:12:join", {mia: 100}, {tom: "balance"})
        assert (guild.do(providers.balance_of, mia), guild.balance(tom)) == (0, {"earned": 99})
    guild.adds_up()


def test_linked_accounts_share_a_balance(guild: PointsGuild) -> None:
    kick, twitch = guild.link(MIA, 900), guild.link(MIA, 900, "twitch")
    guild.give(kick, 60)
    guild.give(twitch, 60, "paid")
    assert guild.do(providers.balance_of, twitch) == 120
    moved = guild.do(providers.take, HEIST, "heist:12:a", {twitch: 50, kick: 80})
    assert moved == Moved("heist:12:a", {twitch: 50}, {kick: "balance"})
    assert (guild.balance(kick), guild.balance(twitch)) == ({"earned": 10}, {"paid": 60})
    guild.do(providers.refund, HEIST, "heist:12:b")
    assert (guild.balance(kick), guild.balance(twitch)) == ({"earned": 60}, {"paid": 60})
    guild.adds_up()


def test_a_payout_returns_the_stake_and_only_the_rest_is_won(guild: PointsGuild) -> None:
    mia = guild.viewer(MIA)
    guild.give(mia, 60)
    guild.give(mia, 100, "paid")
    guild.do(providers.take, HEIST, "heist:12:a", {mia: 100})
    assert guild.balance(mia) == {"paid": 60}
    for _twice in range(2):
        guild.do(providers.pay, HEIST, "heist:12:pay", {mia: 130})
        assert guild.balance(mia) == {"earned": 60, "won": 30, "paid": 100}
    assert guild.do(providers.refund, HEIST, "heist:12:refund") == Moved("heist:12:refund")
    guild.adds_up()


def test_a_loss_is_returned_to_points_that_buy_less_first(guild: PointsGuild) -> None:
    mia = guild.viewer(MIA)
    guild.give(mia, 50)
    guild.give(mia, 50, "paid")
    guild.do(providers.take, HEIST, "heist:12:a", {mia: 100})
    guild.do(providers.pay, HEIST, "heist:12:pay", {mia: 60})
    assert guild.balance(mia) == {"earned": 10, "paid": 50}


def test_limits_are_those_of_the_person(guild: PointsGuild) -> None:
    kick, twitch = guild.link(MIA, 900), guild.link(MIA, 900, "twitch")
    tom, pia = guild.viewer(TOM), guild.viewer(PIA)
    for viewer_id in (kick, tom, pia):
        guild.give(viewer_id, 1000)
    guild.do(lambda work: work.add(PlayLimit(viewer_id=ViewerId(kick), daily_loss=100)))
    guild.do(
        lambda work: work.add(
            PlayLimit(viewer_id=ViewerId(tom), break_until=guild.at + timedelta(1))
        )
    )
    guild.do(add_exclusion, pia, "everything", "admin")
    stakes = {twitch: 60, kick: 60, tom: 1, pia: 1}
    moved = guild.do(providers.take, HEIST, "heist:12:a", stakes)
    assert moved is not None
    assert moved.refused == {kick: "limit", tom: "break", pia: "excluded"}
    guild.do(providers.pay, HEIST, "heist:12:b", {twitch: 90})  # won 30: 130 may be lost now
    assert guild.do(providers.take, Round("heist", 13), "heist:13:a", {kick: 131}).refused  # type: ignore[union-attr]
    assert guild.do(providers.take, Round("heist", 13), "heist:13:b", {kick: 130}).confirmed  # type: ignore[union-attr]
    guild.at += timedelta(days=1)
    assert guild.do(providers.take, Round("heist", 14), "heist:14:a", {twitch: 100}).confirmed  # type: ignore[union-attr]


class SlowProvider:
    """A provider that answers later and refuses viewer Tom."""

    answers_later = True

    def balance_of(self, work: Work, viewer_id: int) -> int | None:
        return None

    def move(self, work: Work, operation: Operation, amounts: Amounts) -> Moved:
        return Moved(operation.key, waits=True)


def test_a_provider_answers_later(guild: PointsGuild, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PROVIDERS, "own", SlowProvider())
    mia, tom, pia = (guild.viewer(viewer_id) for viewer_id in (MIA, TOM, PIA))
    guild.do(lambda work: work.add(PlayLimit(viewer_id=ViewerId(pia), daily_loss=5)))
    stakes = {mia: 10, tom: 10, pia: 10}
    for _twice in range(2):
        assert guild.do(providers.take, HEIST, "heist:12:lock", stakes) is None
    for _twice in range(2):
        guild.do(providers.settle, "heist:12:lock", {tom: "provider"})
    at_once, event = guild.published(PointsMoved)
    assert (at_once.viewer_ids, event.viewer_ids) == ((pia,), (mia, tom))
    assert (event.game, event.round, event.kind) == ("heist", 12, "take")
    moved = guild.do(providers.find_moved, event.operation)
    assert moved == Moved("heist:12:lock", {mia: 10}, {tom: "provider", pia: "limit"})
    assert guild.do(providers.refund, HEIST, "heist:12:refund") is None
    guild.do(providers.settle, "heist:12:refund")
    assert guild.do(providers.find_moved, "heist:12:refund") == Moved("heist:12:refund", {mia: 10})


def test_the_database_refuses_a_balance_below_zero(guild: PointsGuild) -> None:
    mia = guild.viewer(MIA)
    with pytest.raises(IntegrityError, match="points_balances_never_below_zero"):
        guild.do(ledger.post, "heist", [NewEntry("k", mia, "earned", -1)])


STEPS = st.tuples(
    st.sampled_from(("give", "take", "pay", "refund")),
    st.integers(0, 2),
    st.integers(1, 60),
    st.sampled_from(("earned", "won", "paid")),
)


@settings(max_examples=25)
@given(steps=st.lists(STEPS, max_size=12))
def test_the_ledger_is_that_of_a_slow_model(
    tx: Connection, guild_id: int, steps: list[tuple[str, int, int, str]]
) -> None:
    with tx.begin_nested() as savepoint:
        guild = PointsGuild(tx, guild_id)
        guild.set()
        kick, twitch = guild.link(MIA, 900), guild.link(MIA, 900, "twitch")
        viewers = [kick, twitch, guild.viewer(TOM)]
        people = {kick: "mia", twitch: "mia", viewers[2]: "tom"}
        held, staked = {"mia": 0, "tom": 0}, dict.fromkeys(viewers, 0)
        for number, (what, which, amount, bucket) in enumerate(steps):
            viewer, key = viewers[which], f"heist:12:{number}"
            if what == "give":
                guild.give(viewer, amount, bucket)  # type: ignore[arg-type]
                held[people[viewer]] += amount
            elif what == "take":
                moved = guild.do(providers.take, HEIST, key, {viewer: amount})
                assert moved is not None
                assert bool(moved.confirmed) == (held[people[viewer]] >= amount)
                if moved.confirmed:
                    held[people[viewer]] -= amount
                    staked[viewer] += amount
            elif what == "pay":
                guild.do(providers.pay, HEIST, key, {viewer: amount})
                held[people[viewer]] += amount
                staked[viewer] -= amount
            else:
                moved = guild.do(providers.refund, HEIST, key)
                back = {account: points for account, points in staked.items() if points > 0}
                assert moved == Moved(key, back)
                for one, points in back.items():
                    held[people[one]] += points
                    staked[one] = 0
        assert {
            people[viewer_id]: guild.do(providers.balance_of, viewer_id) for viewer_id in viewers
        } == held
        guild.adds_up()
        savepoint.rollback()
