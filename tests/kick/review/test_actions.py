"""Matching in any order and with repetitions."""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection

from core.kick.review import actions
from core.kick.review.rules import WINDOWS
from core.kit.errors import Refusal
from tests.conftest import GUILD
from tests.kick.review.scene import Scene


def test_reported_gift_is_confirmed_by_its_webhook(scene: Scene) -> None:
    seen = scene.reported_gift("MIA", "Tom_X", 3)
    scene.deliver(scene.gift("Mia", "tom-x"))
    scene.report(seen)
    assert scene.state(seen) == "confirmed"
    assert scene.queue() == []


def test_later_webhook_confirms_a_reported_gift(scene: Scene) -> None:
    seen = scene.reported_gift("Mia", "Tom")
    scene.report(seen)
    assert scene.state(seen) == "waiting"
    scene.deliver(scene.gift("Mia", "Tom", -5))
    assert scene.state(seen) == "confirmed"


def test_unconfirmed_event_is_queued_after_the_delay(
    scene: Scene,
) -> None:
    scene.report(scene.reported_gift("Mia", "Tom"))
    assert scene.queue(14.9) == []
    (missed,) = scene.queue(15)
    assert (missed[0].number, missed[0].receiver) == (1, "Tom")


def test_drop_is_one_entry_with_only_the_missing_recipients(scene: Scene) -> None:
    scene.report(*(scene.reported_gift("Mia", name, drop="d") for name in ("Tom", "Ann", "Bob")))
    scene.deliver(scene.gift("Mia", "Ann"))
    (missed,) = scene.queue()
    assert sorted(seen.receiver for seen in missed) == ["Bob", "Tom"]


def test_entry_numbers_are_stable_and_not_reused(scene: Scene) -> None:
    scene.report(scene.reported_gift("Mia", "Tom"))
    assert [missed[0].number for missed in scene.queue()] == [1]
    scene.report(scene.reported_gift("Mia", "Ann", 60))
    assert [missed[0].number for missed in scene.queue(17)] == [1, 2]
    scene.do(actions.decide, 2, "dismissed")
    scene.report(scene.reported_gift("Mia", "Bob", 120))
    assert [missed[0].number for missed in scene.queue(18)] == [1, 3]


def test_anonymous_gifts_are_confirmed(scene: Scene) -> None:
    seen = scene.reported_gift(None, "Tom")
    scene.report(seen)
    scene.deliver(scene.gift(None, "tom"))
    assert scene.state(seen) == "confirmed"


def test_gift_whose_webhook_lacks_the_recipient_is_not_missing(scene: Scene) -> None:
    """Credited by an admin, it would count twice for the giver."""
    seen = [scene.reported_gift("Mia", name, 3, drop="d") for name in ("Tom", "Ann", "Bob")]
    told = scene.gift("Mia", "Tom"), replace(scene.gift("Mia", "Ann"), giftee=None)
    scene.deliver(*told)
    scene.report(*seen)
    (missed,) = scene.queue()
    assert len(missed) == 1, "two of the three were told"
    scene.deliver(replace(scene.gift("Mia", "Bob"), giftee=None, key="later"))
    assert scene.queue(30) == []


def test_unidentified_gift_of_another_giver_does_not_match(scene: Scene) -> None:
    scene.deliver(replace(scene.gift("Ann", "Tom"), giftee=None))
    scene.deliver(replace(scene.gift("Mia", "Tom", -900), giftee=None))
    scene.report(scene.reported_gift("Mia", "Tom"))
    assert len(scene.queue()) == 1


@pytest.mark.parametrize(("apart", "state"), [(600, "confirmed"), (601, "waiting")])
def test_gifts_match_within_ten_minutes(scene: Scene, apart: int, state: str) -> None:
    seen = scene.reported_gift("Mia", "Tom", apart)
    scene.deliver(scene.gift("Mia", "Tom"))
    scene.report(seen)
    assert scene.state(seen) == state


@pytest.mark.parametrize(("apart", "state"), [(2, "confirmed"), (2.1, "waiting")])
def test_kicks_match_within_two_seconds(scene: Scene, apart: float, state: str) -> None:
    seen = scene.reported_kicks("Mia", 500, apart)
    scene.deliver(scene.kicks("Mia", 500))
    scene.report(seen)
    assert scene.state(seen) == state


def test_equal_kicks_one_second_apart_are_two_events(scene: Scene) -> None:
    first, second = scene.reported_kicks("Mia", 500, 0), scene.reported_kicks("Mia", 500, 1)
    scene.report(first, second)
    scene.deliver(scene.kicks("Mia", 500, 0.4))
    assert Counter(scene.states().values()) == {"confirmed": 1, "waiting": 1}
    scene.deliver(scene.kicks("Mia", 500, 1.4))
    assert Counter(scene.states().values()) == {"confirmed": 2}


def test_kicks_of_another_amount_or_sender_do_not_match(scene: Scene) -> None:
    seen = scene.reported_kicks("Mia", 500)
    scene.report(seen)
    scene.deliver(scene.kicks("Mia", 501), scene.kicks("Tom", 500))
    assert scene.state(seen) == "waiting"


def test_subscription_of_the_same_month_matches_within_a_day(scene: Scene) -> None:
    seen, other = scene.reported_sub("Mia", 13), scene.reported_sub("Mia", 14)
    scene.report(seen, other)
    scene.deliver(scene.sub("MIA", 13, 86_000))
    assert (scene.state(seen), scene.state(other)) == ("confirmed", "waiting")


def test_subscription_reported_twice_by_the_feed_is_one(scene: Scene) -> None:
    """It has no id."""
    scene.report(scene.reported_sub("Mia", 3), scene.reported_sub("mia", 3, 90))
    assert len(scene.queue(30)) == 1


def test_late_webhook_removes_an_entry_from_the_queue(scene: Scene) -> None:
    seen = scene.reported_gift("Mia", "Tom")
    scene.report(seen)
    assert scene.queue()
    scene.deliver(scene.gift("Mia", "Tom"))
    assert scene.state(seen) == "confirmed"
    with pytest.raises(Refusal, match="late webhook confirmed"):
        scene.do(actions.decide, 1, "dismissed")


def test_another_server_is_not_affected(scene: Scene, elsewhere: Scene) -> None:
    seen = scene.reported_gift("Mia", "Tom")
    scene.report(seen)
    elsewhere.deliver(elsewhere.gift("Mia", "Tom"))
    assert scene.state(seen) == "waiting"
    assert scene.queue()
    assert elsewhere.queue() == []
    with pytest.raises(Refusal, match="No entry #1"):
        elsewhere.do(actions.decide, 1, "dismissed")


def test_event_counted_from_the_feed_confirms_nothing(scene: Scene) -> None:
    seen = scene.reported_gift("Mia", "Tom")
    scene.report(seen)
    scene.deliver(replace(scene.gift("Mia", "Tom"), source="feed"))
    assert scene.state(seen) == "waiting"


moments = st.integers(0, 8)
kicks_told = st.lists(moments, max_size=6)


@given(kicks_told, kicks_told, st.randoms(use_true_random=False))
@settings(max_examples=20)
def test_order_of_arrival_makes_no_difference(
    tx: Connection, told: list[int], shown: list[int], chance: Random
) -> None:
    """Two orders end with the same unconfirmed events matched, and as many as there can be."""
    outcomes = []
    for _ in range(2):
        with tx.begin_nested() as trial:
            scene = Scene(tx, GUILD)
            facts = [scene.kicks("Mia", 5, seconds + n / 100) for n, seconds in enumerate(told)]
            seen = [
                scene.reported_kicks("Mia", 5, seconds + n / 100) for n, seconds in enumerate(shown)
            ]
            steps: list[Callable[[], object]] = [
                *(partial(scene.deliver, f) for f in facts),
                *(partial(scene.report, s) for s in seen),
            ]
            chance.shuffle(steps)
            for step in steps:
                step()
            states = scene.states()
            outcomes.append([states[each.key] for each in seen])
            trial.rollback()
    assert outcomes[0] == outcomes[1]
    assert outcomes[0].count("confirmed") == _most(
        [s + n / 100 for n, s in enumerate(told)], [s + n / 100 for n, s in enumerate(shown)]
    )


def _most(facts: list[float], seen: list[float]) -> int:
    """Slow and obvious: augmenting paths."""
    taken: dict[int, int] = {}

    def find(one: int, tried: set[int]) -> bool:
        for fact, moment in enumerate(facts):
            near = abs(moment - seen[one]) <= WINDOWS["kicks"].total_seconds() + 1e-9
            if near and fact not in tried:
                tried.add(fact)
                if fact not in taken or find(taken[fact], tried):
                    taken[fact] = one
                    return True
        return False

    return sum(find(one, set()) for one in range(len(seen)))
