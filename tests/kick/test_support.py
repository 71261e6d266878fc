"""Subscriptions, gifts, Kicks and the rest: parsed from real-world payloads, with a stable key
however often or in however many parts they are delivered.
"""

from contextlib import suppress
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Connection

from core.events import (
    ChannelFollowed,
    Event,
    KicksGifted,
    Person,
    RewardRedeemed,
    StreamChanged,
    SubGifted,
    SubscriptionRenewed,
    SubscriptionStarted,
    ViewerBanned,
)
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.store import Delivery
from core.kick.bodies import SHAPES, WEBHOOK_KINDS, parse
from core.kick.events import events_of
from tests.kick.rig import (
    ANONYMOUS,
    MIA,
    NOON,
    NORA,
    SUPPORT,
    about,
    banned,
    bare,
    chat,
    followed,
    gifts,
    kicks_gifted,
    person,
    redemption,
    status,
    subscription,
)

MADCATS = Person(user_id=MIA, name="MadCats", login="madcats")
NEW, RENEWAL = "channel.subscription.new", "channel.subscription.renewal"
GIFTS, KICKS, FOLLOWED = "channel.subscription.gifts", "kicks.gifted", "channel.followed"
REDEEMED, ABOUT = "channel.reward.redemption.updated", "livestream.metadata.updated"
BANNED = "moderation.banned"


@pytest.fixture(autouse=True)
def follows(tx: Connection, guild_id: int) -> None:
    guilds.set_channel(tx, Channel(guild_id, "kick", NORA, "noraplays"))


def told(tx: Connection, kind: str, body: dict[str, Any], sent_at: datetime = NOON) -> list[Any]:
    return list(events_of(tx, Delivery("kick.webhook", "d", kind, "kick:1", body, sent_at)))


def one(tx: Connection, kind: str, body: dict[str, Any], sent_at: datetime = NOON) -> Any:
    (event,) = told(tx, kind, body, sent_at)
    return event


# -- what is read -------------------------------------------------------------------------------


def test_every_subscribed_kind_becomes_an_event(tx: Connection) -> None:
    bodies = SUPPORT | {"chat.message.sent": chat(), "livestream.status.updated": status(True)}
    assert set(bodies) == set(WEBHOOK_KINDS)
    for kind, body in bodies.items():
        assert all(isinstance(event, Event) for event in told(tx, kind, body))
        assert told(tx, kind, body)


WILD = [
    {"is_verified": None, "profile_picture": ""},
    {"username": "", "channel_slug": None},
    {"username": None},
    {"identity": None},
    {"something_new": [1]},
]


@pytest.mark.parametrize("odd", WILD)
@pytest.mark.parametrize(
    ("kind", "role"),
    [
        (FOLLOWED, "follower"),
        (NEW, "subscriber"),
        (RENEWAL, "subscriber"),
        (KICKS, "sender"),
        (REDEEMED, "redeemer"),
        (BANNED, "banned_user"),
    ],
)
def test_incomplete_person_is_identified_by_id(kind: str, role: str, odd: dict[str, Any]) -> None:
    body = SUPPORT[kind] | {role: person() | odd}
    found = getattr(parse(kind, body), role)
    assert found.user_id == MIA
    assert found.name in ("MadCats", "madcats", "")


@pytest.mark.parametrize("kind", sorted(SUPPORT))
def test_person_requires_only_an_id(tx: Connection, kind: str) -> None:
    def stripped(value: Any) -> Any:
        match value:
            case {"user_id": user_id}:
                return {"user_id": user_id}
            case dict():
                return {key: stripped(inner) for key, inner in value.items()}
            case list():
                return [stripped(inner) for inner in value]
        return value

    before, after = told(tx, kind, SUPPORT[kind]), told(tx, kind, stripped(SUPPORT[kind]))
    assert [event.key for event in before] == [event.key for event in after]


@pytest.mark.parametrize("kind", sorted(SUPPORT))
@pytest.mark.parametrize("other", sorted(SHAPES))
def test_body_of_another_type_is_rejected(kind: str, other: str) -> None:
    """The type is in a header that Kick does not sign."""
    if other == kind:
        return
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        parse(other, SUPPORT[kind])


@pytest.mark.parametrize(
    ("kind", "broken"),
    [
        (FOLLOWED, followed(follower=0)),
        (NEW, subscription(subscriber=None)),
        (NEW, subscription(created_at=None)),
        (RENEWAL, subscription(3, duration=0)),
        (GIFTS, gifts()),
        (GIFTS, gifts(giftees=None)),
        (GIFTS, gifts(giftees=[person(user_id=-1)])),
        (KICKS, kicks_gifted(0)),
        (KICKS, kicks_gifted(-5)),
        (KICKS, kicks_gifted(created_at="2026-05-01T12:00:08")),
        (KICKS, kicks_gifted(created_at=1_777_636_800)),
        (KICKS, kicks_gifted(created_at=None)),
        (REDEEMED, redemption("stolen")),
        (REDEEMED, redemption(id="")),
        (ABOUT, about() | {"metadata": None}),
        (BANNED, banned(banned_user=None)),
        (BANNED, banned("soon")),
    ],
)
def test_malformed_body_is_rejected(kind: str, broken: dict[str, Any]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic's words
        parse(kind, broken)


# -- what becomes of it -------------------------------------------------------------------------


def test_drop_becomes_one_gift_per_recipient(tx: Connection, guild_id: int) -> None:
    found = told(tx, GIFTS, gifts(11, 12))
    assert found[0] == SubGifted(
        key=f"{MIA}|11|2026-05-01T12:00:00+00:00",
        guild_id=guild_id,
        at=NOON,
        platform="kick",
        channel_id=NORA,
        gifter=MADCATS,
        giftee=Person(user_id=11, name="viewer11", login="viewer11"),
        drop=f"{MIA}|2026-05-01T12:00:00+00:00",
        expires_at=datetime(2026, 6, 1, 12, tzinfo=UTC),
        source="webhook",
    )
    assert [gift.giftee.user_id for gift in found] == [11, 12]


def test_chunked_drop_has_the_keys_of_the_whole(tx: Connection) -> None:
    giftees = tuple(range(100, 150))
    whole = {gift.key for gift in told(tx, GIFTS, gifts(*giftees))}
    pieces = [giftees[:25], giftees[20:40], giftees[40:]]
    assert {gift.key for piece in pieces for gift in told(tx, GIFTS, gifts(*piece))} == whole
    assert len(whole) == 50


NOBODY = [None, ANONYMOUS, {}, ANONYMOUS | {"user_id": 0}]


@pytest.mark.parametrize("giftee", NOBODY)
def test_recipient_without_id_does_not_reject_the_other_gifts(tx: Connection, giftee: Any) -> None:
    body = gifts(11, 12)
    found = told(tx, GIFTS, body | {"giftees": [*body["giftees"], giftee]})
    assert [gift.giftee.user_id if gift.giftee else None for gift in found] == [11, 12, None]
    assert {gift.gifter for gift in found} == {MADCATS}
    assert len({gift.key for gift in found}) == 3
    assert {gift.drop for gift in found} == {found[0].drop}


def test_recipient_without_id_keeps_the_name(tx: Connection) -> None:
    found = one(tx, GIFTS, gifts(giftees=[person(name="Tom_X") | {"user_id": None}]))
    assert (found.giftee, found.giftee_name) == (None, "Tom_X")
    again = one(tx, GIFTS, gifts(giftees=[{"username": "tom-x"}]))
    assert found.key == again.key


def test_recipients_without_id_are_all_counted(tx: Connection) -> None:
    def keys(*known: int, nobody: int) -> set[str]:
        body = gifts(*known)
        whole = body | {"giftees": [*body["giftees"], *([ANONYMOUS] * nobody)]}
        return {gift.key for gift in told(tx, GIFTS, whole)}

    assert len(keys(11, nobody=3)) == 4
    assert keys(11, 12, nobody=2) == keys(12, 11, nobody=2), "the same delivery sent again"
    assert len(keys(21, 22, nobody=1) | keys(23, 24, nobody=1)) == 6, "two parts of one drop"


def test_drops_one_second_apart_are_two(tx: Connection) -> None:
    first, second = (one(tx, GIFTS, gifts(11, created_at=at)) for at in (
        "2026-05-01T12:00:00Z", "2026-05-01T12:00:01Z"))  # fmt: skip
    assert first.key != second.key
    assert first.drop != second.drop


@pytest.mark.parametrize(
    "gifter", [ANONYMOUS, None, person() | {"is_anonymous": True}, ANONYMOUS | {"user_id": 0}]
)
def test_anonymous_gifter_is_none(tx: Connection, gifter: dict[str, Any] | None) -> None:
    gift = one(tx, GIFTS, gifts(11, gifter=gifter))
    assert gift.gifter is None
    assert gift.key == "anon|11|2026-05-01T12:00:00+00:00"


def test_renamed_gifter_has_the_same_key(tx: Connection) -> None:
    renamed = one(tx, GIFTS, gifts(11, gifter=person(name="mAdCaTs")))
    assert renamed.key == one(tx, GIFTS, gifts(11)).key


def test_first_month_is_subscription_started(tx: Connection, guild_id: int) -> None:
    assert one(tx, NEW, subscription()) == SubscriptionStarted(
        key=f"{MIA}|2026-05-01T12:00:00+00:00",
        guild_id=guild_id,
        at=NOON,
        platform="kick",
        channel_id=NORA,
        subscriber=MADCATS,
        months=1,
    )


def test_later_month_happens_when_delivered(tx: Connection, guild_id: int) -> None:
    """`created_at` is when the subscription first began."""
    later = NOON + timedelta(seconds=3)
    assert one(tx, RENEWAL, subscription(3), later) == SubscriptionRenewed(
        key=f"{MIA}|3|2026-05-31T12:00:00+00:00",
        guild_id=guild_id,
        at=later,
        platform="kick",
        channel_id=NORA,
        subscriber=MADCATS,
        months=3,
    )


def test_repeated_renewal_has_the_same_key(tx: Connection) -> None:
    keys = {
        one(tx, RENEWAL, subscription(3), NOON + timedelta(minutes=late)).key for late in (0, 9)
    }
    assert len(keys) == 1


@pytest.mark.parametrize("days_off", [-3, 0, 3])
def test_inexact_end_date_does_not_make_a_first_month_a_renewal(days_off: int) -> None:
    """Kick's issue 368."""
    end = NOON + timedelta(days=31 + days_off)
    parse(NEW, subscription(expires_at=end.isoformat()))
    parse(NEW, subscription(expires_at=None))
    parse(RENEWAL, subscription(2, expires_at=(end).isoformat()))


DOCUMENTED = {"created_at": "2025-01-14T16:08:06Z", "expires_at": "2025-02-14T16:08:06Z"}
"""The dates of both examples in Kick's documentation."""


@pytest.mark.parametrize(
    ("differs", "kinds"),
    [
        (DOCUMENTED | {"duration": 1}, {NEW}),
        (DOCUMENTED | {"duration": 3}, {RENEWAL}),
        (DOCUMENTED | {"duration": None}, {NEW}),
        ({"duration": 1, "expires_at": None}, {NEW}),
        ({"duration": 3, "expires_at": None}, {RENEWAL}),
        ({"duration": 1, "created_at": "2026-02-01T12:00:00Z"}, {RENEWAL}),
        ({"duration": None, "expires_at": None}, {NEW, RENEWAL}),  # the payload does not say
    ],
)
def test_renewal_body_is_rejected_as_new_subscription(
    differs: dict[str, Any], kinds: set[str]
) -> None:
    """The type header is not signed."""
    fitting = set()
    for kind in (NEW, RENEWAL):
        with suppress(ValueError):
            parse(kind, subscription(**differs))
            fitting.add(kind)
    assert fitting == kinds


def test_kicks_gift_is_translated(tx: Connection, guild_id: int) -> None:
    assert one(tx, KICKS, kicks_gifted()) == KicksGifted(
        key=f"{MIA}|500|Rage Quit|2026-05-01T12:00:08.634Z",
        guild_id=guild_id,
        at=datetime(2026, 5, 1, 12, 0, 8, 634_000, tzinfo=UTC),
        platform="kick",
        channel_id=NORA,
        sender=MADCATS,
        amount=500,
        gift_name="Rage Quit",
        message="w",
    )


def test_equal_kicks_differ_by_their_exact_time(tx: Connection) -> None:
    instants = (
        "2026-05-01T12:00:08.634Z",
        "2026-05-01T12:00:09.634Z",
        "2026-05-01T12:00:08.634000001Z",  # finer than our clock
    )
    keys = {one(tx, KICKS, kicks_gifted(created_at=at)).key for at in instants}
    assert len(keys) == 3


def test_kicks_without_name_or_message_are_accepted(tx: Connection) -> None:
    gift = one(tx, KICKS, kicks_gifted(gift={"amount": 1, "name": None}, sender=bare(name="")))
    assert (gift.amount, gift.gift_name, gift.message) == (1, "", "")
    assert gift.sender == Person(user_id=MIA, name="")


def test_follow_has_one_key_per_viewer(tx: Connection, guild_id: int) -> None:
    event = one(tx, FOLLOWED, followed())
    assert event == ChannelFollowed(
        key=f"{NORA}|{MIA}",
        guild_id=guild_id,
        at=NOON,
        platform="kick",
        channel_id=NORA,
        follower=MADCATS,
    )
    assert one(tx, FOLLOWED, followed(), NOON + timedelta(days=99)).key == event.key


def test_redemption_has_one_key_per_status(tx: Connection, guild_id: int) -> None:
    pending, accepted = (one(tx, REDEEMED, redemption(s)) for s in ("pending", "accepted"))
    assert pending == RewardRedeemed(
        key="01KBHE78QE4HZY1617DK5FC7YD|pending",
        guild_id=guild_id,
        at=datetime(2026, 5, 1, 12, 0, 19, 323_000, tzinfo=UTC),
        platform="kick",
        channel_id=NORA,
        redemption_id="01KBHE78QE4HZY1617DK5FC7YD",
        reward_id="01KBHE7RZNHB0SKDV1H86CD4F3",
        title="Song",
        cost=1000,
        redeemer=MADCATS,
        user_input="Sweet Bonanza",
        status="pending",
    )
    assert accepted.redemption_id == pending.redemption_id
    assert accepted.key != pending.key


def test_redemption_without_input_is_accepted(tx: Connection) -> None:
    assert one(tx, REDEEMED, redemption(user_input=None)).user_input == ""


def test_stream_change_has_title_category_and_language(tx: Connection, guild_id: int) -> None:
    event = one(tx, ABOUT, about())
    assert (event.title, event.category, event.language) == ("Slots", "Slots & Casino", "en")
    assert isinstance(event, StreamChanged)
    empty = one(tx, ABOUT, about(None, category=None, language=None))
    assert (empty.title, empty.category, empty.language) == ("", "", "")


def test_returning_title_is_new_and_repeated_one_is_not(tx: Connection) -> None:
    first, double = (one(tx, ABOUT, about()).key for _ in range(2))
    assert first == double
    assert one(tx, ABOUT, about(), NOON + timedelta(minutes=5)).key != first
    assert one(tx, ABOUT, about("Bonus hunt")).key != first


def test_ban_and_timeout_are_translated(tx: Connection, guild_id: int) -> None:
    for_good, timed = (one(tx, BANNED, banned(end)) for end in (None, "2026-05-01T12:10:00Z"))
    assert for_good == ViewerBanned(
        key=f"{MIA}|2026-05-01T12:00:00+00:00",
        guild_id=guild_id,
        at=NOON,
        platform="kick",
        channel_id=NORA,
        viewer=MADCATS,
        moderator=Person(user_id=4_100_009, name="TomasTV", login="tomastv"),
        reason="spam",
        until=None,
    )
    assert timed.until == NOON + timedelta(minutes=10)
    assert one(tx, BANNED, banned(moderator=None)).moderator is None


@pytest.mark.parametrize("kind", sorted(SUPPORT))
def test_two_servers_of_one_channel_get_the_same_events(
    tx: Connection, guild_id: int, other_guild_id: int, kind: str
) -> None:
    guilds.set_channel(tx, Channel(other_guild_id, "kick", NORA, "noraplays"))
    found = told(tx, kind, SUPPORT[kind])
    ours, theirs = (
        [event.key for event in found if event.guild_id == guild]
        for guild in (guild_id, other_guild_id)
    )
    assert ours == theirs != []
