"""A gift counts once and completely, whatever its deliveries say about the recipients."""

from dataclasses import replace
from itertools import count
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, event

from core.events import Event, SubGifted
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.store import Delivery
from core.kick.events import events_of
from core.kick.review.rules import Giftee, pair_giftees
from core.kit.database.connection import cache_of
from tests.kick.review.scene import Scene
from tests.kick.review.stage import SAM, VERA, Stage, counted_giftees, gift_body, gifts
from tests.kick.rig import ANONYMOUS, MIA, NOON, NORA, person
from tests.kick.rig import gifts as gift_delivery

GIFTS = "channel.subscription.gifts"
_numbers = count(1)


@pytest.fixture(autouse=True)
def follows(request: pytest.FixtureRequest) -> None:
    if "tx" in request.fixturenames and "stage" not in request.fixturenames:
        tx, guild_id = request.getfixturevalue("tx"), request.getfixturevalue("guild_id")
        guilds.set_channel(tx, Channel(guild_id, "kick", NORA, "noraplays"))


def told(tx: Connection, body: dict[str, Any]) -> set[str]:
    """The keys of the events that count."""
    number = f"same-{next(_numbers)}"
    found = events_of(tx, Delivery("kick.webhook", number, GIFTS, "kick:1", body, NOON))
    return {one.key for one in found if isinstance(one, SubGifted)}


FULL = [person(11, "Ann"), person(12, "Bob_X"), person(13, "Cleo")]
NO_ID = {"user_id": None}
SAYS_OTHERWISE = {
    "a name without id": [FULL[0], FULL[1] | NO_ID, FULL[2]],
    "an id without name": [FULL[0], FULL[1] | {"username": None}, FULL[2]],
    "nothing of one": [FULL[0], None, FULL[2]],
    "anonymous giftees": [ANONYMOUS, ANONYMOUS, FULL[2]],
    "nothing of all": [None, {}, ANONYMOUS],
    "another order": [FULL[2], FULL[0] | NO_ID, FULL[1]],
    "a name as in addresses": [FULL[0], {"username": "bob-x"}, FULL[2]],
}


@pytest.mark.parametrize("giftees", SAYS_OTHERWISE.values(), ids=SAYS_OTHERWISE)
@pytest.mark.parametrize("full_first", [True, False])
def test_gift_told_with_other_knowledge_counts_once(
    tx: Connection, giftees: list[Any], full_first: bool
) -> None:
    bodies = [gift_delivery(giftees=FULL), gift_delivery(giftees=giftees)]
    if not full_first:
        bodies.reverse()
    keys = [told(tx, body) for body in (*bodies, bodies[0])]
    assert len(set.union(*keys)) == 3
    assert all(len(key) == 3 for key in keys)


def test_gift_that_says_who_gave_and_then_does_not_counts_once(tx: Connection) -> None:
    known = told(tx, gift_delivery(giftees=FULL))
    assert told(tx, gift_delivery(giftees=FULL, gifter=ANONYMOUS)) == known
    other = [person(21, "Uma"), person(22, "Vic"), person(23, "Wes")]
    assert told(tx, gift_delivery(giftees=other, gifter=ANONYMOUS)).isdisjoint(known)


def test_parts_of_a_large_gift_are_all_counted(tx: Connection) -> None:
    pieces = [[person(number, f"v{number}") for number in range(at, at + 25)] for at in (100, 200)]
    for piece in pieces:
        piece[3], piece[7] = None, ANONYMOUS  # type: ignore[call-overload]
    found = [told(tx, gift_delivery(giftees=piece)) for piece in (*pieces, *pieces)]
    assert len(set.union(*found)) == 50


def known_of(random: Random, user_id: int) -> Any:
    full = person(user_id, f"viewer{user_id}")
    return random.choice([full, full, full | NO_ID, full | {"username": None}, None, ANONYMOUS])


def _knowledge(random: Random, number: int) -> Giftee:
    full = Giftee(number, f"viewer{number}")
    return random.choice(
        [full, full, full._replace(user_id=None), full._replace(name=""), Giftee(None, "")]
    )


@settings(max_examples=25, deadline=None)
@given(st.randoms(use_true_random=False))
def test_pairs_are_as_many_as_there_can_be(random: Random) -> None:
    """Two ways of telling the same giftees always fit."""
    numbers = random.sample(range(50), random.randint(0, 9))
    ways = [[_knowledge(random, number) for number in numbers] for _way in range(2)]
    random.shuffle(ways[1])
    assert len(pair_giftees(*ways)) == len(numbers)


@pytest.mark.parametrize("seed", range(8))
def test_true_number_is_counted_through_the_inbox(tx: Connection, seed: int) -> None:
    random = Random(seed)
    given_in_all = 0
    bodies = []
    for giver in (4_100_003, 4_100_004, None):
        for second in (1, 2):
            giftees = random.sample(range(1, 1000), random.randint(1, 9))
            given_in_all += len(giftees)
            for _again in range(3):
                random.shuffle(giftees)
                bodies.append(
                    gift_delivery(
                        giftees=[known_of(random, giftee) for giftee in giftees],
                        gifter=person(giver, "Giver") if giver else ANONYMOUS,
                        created_at=f"2026-05-01T12:00:0{second}Z",
                    )
                )
    random.shuffle(bodies)
    assert len(set.union(*(told(tx, body) for body in bodies))) == given_in_all


def test_statements_do_not_depend_on_the_number_of_giftees(tx: Connection, guild_id: int) -> None:
    def count_statements(*giftees: int) -> int:
        cache_of(tx).clear()
        found: list[str] = []

        def note(_tx: Any, _cursor: Any, statement: str, *_rest: Any) -> None:
            found.append(statement)

        event.listen(tx, "before_cursor_execute", note)
        try:
            told(tx, gift_delivery(*giftees, created_at=f"2026-05-01T12:00:0{len(giftees) % 10}Z"))
        finally:
            event.remove(tx, "before_cursor_execute", note)
        return len(found)

    assert count_statements(1) == count_statements(*range(2, 205)) > 0
    scene = Scene(tx, guild_id)
    scene.report(*(scene.reported_gift("MadCats", f"viewer{n}") for n in range(300, 340)))
    assert count_statements(300, 301, 302, 303) == count_statements(*range(310, 335)) > 0


# -- credited before the webhook came -----------------------------------------------------------

OTHER_NAMES: dict[str, tuple[list[Any], int]] = {
    "other names": ([person(SAM, "Sam_Now"), person(VERA, "VeraRenamed")], 0),
    "one other name": ([person(SAM, "SamOnKick"), person(901, "Someone")], 0),
    "all other people": ([person(900, "Who"), person(901, "Someone")], 0),
    "no names": ([person(SAM) | NO_ID | {"username": None}, None], 0),
    "one without a name": ([None, person(VERA, "VeraSpins")], 0),
    "one more": ([None, person(VERA, "VeraSpins"), person(902, "Third")], 1),
    "another gift by the same giver": ([person(902, "Third")], 1),
}


@pytest.mark.parametrize(("giftees", "more"), OTHER_NAMES.values(), ids=OTHER_NAMES)
@pytest.mark.parametrize("gifter", [person(MIA, "MadCats"), person(MIA, "MadCatsNow")])
def test_credited_gift_is_not_counted_again(
    stage: Stage, giftees: list[Any], more: int, gifter: dict[str, Any]
) -> None:
    stage.frame("GiftedSubscriptionsEvent", gifts("SamOnKick", "VeraSpins"))
    stage.clock.forward(minutes=16)
    (line,) = stage.listing()
    assert stage.credit(line["number"]).count == 2
    stage.clock.forward(minutes=-16)
    body = gift_body(stage) | {"giftees": giftees, "gifter": gifter}
    for _twice in range(2):
        stage.webhook(GIFTS, body)
    assert stage.names() == ["SubGifted"] * (2 + more)
    assert {SAM, VERA} <= set(counted_giftees(stage))


@pytest.mark.parametrize("webhook_first", [True, False])
def test_gift_that_came_with_other_names_is_not_missed(stage: Stage, webhook_first: bool) -> None:
    def webhook() -> None:
        stage.webhook(GIFTS, gift_body(stage, (900, "Who"), (901, "Someone")))

    def frame() -> None:
        stage.frame("GiftedSubscriptionsEvent", gifts("SamOnKick", "VeraSpins"))

    for step in (webhook, frame) if webhook_first else (frame, webhook):
        step()
    stage.clock.forward(minutes=16)
    assert stage.listing() == []


def test_late_gift_of_another_number_or_time_counts(scene: Scene) -> None:
    def credited(*names: str, seconds: float) -> None:
        items = [scene.reported_gift("Mia", name, seconds, drop=f"d{seconds}") for name in names]
        for item in items:
            item.state = "credited"
            item.decided_by, item.decided_at = 1, NOON  # type: ignore[assignment]
        scene.report(*items)

    def counts(*names: str, seconds: float) -> int:
        same = [scene.gift("Mia", name, seconds) for name in names]
        found: list[Event] = scene.deliver(*(replace(one, drop=same[0].drop) for one in same))
        return len(found)

    credited("Tom", "Ann", seconds=0)
    assert counts("Bob", "Cid", "Dan", seconds=1) == 3, "three are not those two"
    assert counts("Bob", "Cid", seconds=200) == 2, "minutes later"
    assert counts("Bob", "Cid", seconds=10) == 0
    assert counts("Eva", "Fay", seconds=20) == 2, "the two are taken"
