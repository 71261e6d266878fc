"""Reports of a widget: each is validated separately, and the key allows nothing else."""

import json
from collections.abc import Mapping
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import select

from core.events import SubscriberReported
from core.heist import reports
from core.heist.reports import MAX_REPORTED, Reported, read_body
from core.inbox.records import deliveries
from core.kit.database.records import MemberId
from core.kit.database.work import Work
from core.people import store as people
from core.people.lookup import find_by_name
from core.people.records import Viewer
from core.streamelements.records import StreamElementsAccount
from core.tiers.actions import lookup, remember
from tests.heist.scene import HeistGuild
from tests.slot_calls.scene import NOON

GOOD: Mapping[str, Any] = {
    "name": "mia",
    "displayName": "Mia",
    "providerId": "900",
    "provider": "twitch",
    "tier": "3000",
    "_id": "5f",
    "createdAt": (NOON - timedelta(minutes=1)).isoformat(),
}
WITHOUT = "The platform is missing"
UNKNOWN = "This viewer hasn't been seen in chat yet."
NO_TIME = "The time is missing."
NOBODY = "The user id or login is missing."


@pytest.fixture
def known(guild: HeistGuild) -> HeistGuild:
    """Mia is known from Twitch's chat, and Tom, with the same number, from Kick's."""
    people.set_viewer(guild.tx, guild.id, "twitch", 900, "Mia", NOON)
    people.set_viewer(guild.tx, guild.id, "kick", 900, "Tom", NOON)
    return guild


def send(guild: HeistGuild, *sent: object) -> Reported:
    return guild.do(reports.report, list(sent))


def reason_of(guild: HeistGuild, **changes: Any) -> str:
    """The reason why a good report with these changes is refused; "" if it is accepted."""
    rejected = send(guild, {**GOOD, **changes}).rejected
    return str(rejected[0]["reason"]) if rejected else ""


def published(guild: HeistGuild) -> list[dict[str, Any]]:
    found = select(deliveries.c.body).where(deliveries.c.kind == "SubscriberReported")
    return list(guild.tx.scalars(found.order_by(deliveries.c.id)))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"createdAt": None}, NO_TIME),
        ({"createdAt": "yesterday"}, NO_TIME),
        ({"createdAt": "2026-05-01T12:00:00"}, NO_TIME),
        ({"createdAt": {"at": 1}}, NO_TIME),
        ({"createdAt": True}, NO_TIME),
        ({"createdAt": 10**30}, NO_TIME),
        ({"createdAt": (NOON - timedelta(days=40)).isoformat()}, "This happened more than 35 days"),
        ({"createdAt": (NOON + timedelta(hours=1)).isoformat()}, "The time is in the future"),
        ({"createdAt": "9999-12-31T23:59:59-23:59"}, NO_TIME),
        ({"provider": "youtube"}, "The platform must be"),
        ({"provider": ["twitch"]}, "The platform must be"),
        ({"provider": None, "name": "tom2", "displayName": "Tom2"}, WITHOUT),
        ({"provider": None, "providerId": "UCabcdefghijklmnopqrstuv"}, WITHOUT),
        ({"provider": "", "providerId": None}, WITHOUT),
        ({"providerId": "901"}, UNKNOWN),
        ({"providerId": None, "name": "nobody"}, UNKNOWN),
        ({"providerId": -1, "name": None}, NOBODY),
        ({"providerId": "9" * 30, "name": "ミア"}, NOBODY),
        ({"providerId": {"a": 1}, "name": ["mia"]}, NOBODY),
        ({"tier": {"deep": []}}, "The tier must be"),
        ({"tier": True}, "The tier must be"),
        ({"type": "follower"}, "Only subscription events"),
        ({"type": ["subscriber"]}, "Only subscription events"),
        ({"bulkGifted": True}, "This is a whole gift bomb"),
        ({"isTest": True}, "This is a test"),
    ],
    ids=str,
)
def test_a_bad_report_is_named_and_keeps_no_other_back(
    known: HeistGuild, changes: dict[str, Any], reason: str
) -> None:
    outcome = send(known, {**GOOD, **changes}, 5, GOOD, None)
    reasons = {rejection["index"]: str(rejection["reason"]) for rejection in outcome.rejected}
    assert reasons.pop(0).startswith(reason)
    assert reasons == {1: "A report must be an object.", 3: "A report must be an object."}
    assert (outcome.new, len(published(known))) == (1, 1)


@pytest.mark.parametrize(
    ("changes", "platform"),
    [
        ({}, "twitch"),
        ({"provider": "Twitch", "providerId": 900}, "twitch"),
        ({"provider": "kick"}, "kick"),
        ({"provider": None}, "twitch"),  # id and name are Mia's
        ({"provider": None, "name": "tom", "displayName": "Tom"}, "kick"),
        ({"providerId": None}, "twitch"),
        ({"name": None, "displayName": None}, "twitch"),
        ({"createdAt": int((NOON - timedelta(minutes=1)).timestamp() * 1000)}, "twitch"),
        ({"createdAt": (NOON + timedelta(minutes=9)).isoformat()}, "twitch"),
        ({"_id": "x" * 100_000}, "twitch"),
    ],
    ids=str,
)
def test_who_is_meant(known: HeistGuild, changes: dict[str, Any], platform: str) -> None:
    assert reason_of(known, **changes) == ""
    [event] = published(known)
    assert (event["platform"], event["user_id"]) == (platform, 900)
    assert event["tier"] == ("3000" if platform == "twitch" else "subscriber")


@pytest.mark.parametrize(
    ("written", "tier"),
    [
        *(
            (written, "1000")
            for written in ("1000", 1000, "Tier 1", "tier1", "tier_1", "T1", "1", 1)
        ),
        *((written, "3000") for written in ("3000", 3000, "TIER 3", " 3 ")),
        *((written, "prime") for written in ("prime", "Prime", "Twitch Prime", "Prime Gaming")),
        *((written, "subscriber") for written in ("", None, "gold", 4000, "10", 0)),
    ],
    ids=str,
)
def test_tiers_are_understood_however_they_are_written(
    known: HeistGuild, written: object, tier: str
) -> None:
    assert reason_of(known, tier=written) == ""
    assert [event["tier"] for event in published(known)] == [tier]


def test_the_key_renames_nobody_and_makes_nobody_known(known: HeistGuild) -> None:
    reason_of(known, displayName="Somebody else", name="other")
    assert reason_of(known, providerId="77") == UNKNOWN
    forged = SubscriberReported(
        key="k",
        guild_id=known.id,
        at=NOON + timedelta(days=1),
        platform="twitch",
        user_id=78,
        login="evil",
        name="Evil",
        tier="3000",
        reporter="widget",
    )
    remember(known.tx, [forged])
    names = known.do(lambda work: work.scalars(select(Viewer.name).order_by(Viewer.name)).all())
    assert names == ["Mia", "Tom"]
    found = find_by_name(known.tx, known.id, "twitch:mia")
    assert found is not None


def test_what_is_reported_counts(known: HeistGuild) -> None:
    send(known, GOOD)
    [body] = published(known)
    body["at"] = NOON
    event = SubscriberReported(**body)
    remember(known.tx, [event])
    viewer = find_by_name(known.tx, known.id, "twitch:mia")
    assert viewer is not None
    assert viewer.name == "Mia"
    assert known.do(lookup, [viewer.viewer_id])[viewer.viewer_id].tier == "3000"


def test_a_login_alone_is_of_the_platform_of_the_connected_account(known: HeistGuild) -> None:
    changes: dict[str, Any] = {"provider": None, "providerId": None}
    assert reason_of(known, **changes).startswith(WITHOUT)

    def connect(work: Work) -> None:
        account = StreamElementsAccount(
            guild_id=work.guild_id,
            channel_id="5f",
            name="NoraPlays",
            platform="twitch",
            state="connected",
            token="sealed",
            connected_by=MemberId(1),
            connected_at=NOON,
        )
        work.add(account)

    known.do(connect)
    assert reason_of(known, **changes) == ""
    assert reason_of(known, **changes, name="tom") == UNKNOWN
    # YouTube's subscribers have no tier.
    assert reason_of(known, **changes, tier=None).startswith(WITHOUT)


def test_two_scenes_count_once_and_a_forged_id_keeps_no_one_else_back(known: HeistGuild) -> None:
    forged = {**GOOD, "provider": "kick", "name": "tom", "displayName": "Tom"}
    outcome = send(known, forged, GOOD, GOOD)
    assert (outcome.new, outcome.rejected) == (2, [])


def test_more_than_a_request_may_have_is_named(known: HeistGuild) -> None:
    outcome = send(known, *[GOOD] * (MAX_REPORTED + 1))
    assert [rejection["index"] for rejection in outcome.rejected] == [MAX_REPORTED]


@pytest.mark.parametrize(
    "spoiled",
    [
        b'"\\u0000"',
        b'"\\ud800"',
        b'"\xed\xa0\x80"',
        b"NaN",
        b"1e999",
        b"9" * 5000,
        b"[" * 50_000 + b"]" * 50_000,
        b'{"a":' * 50_000 + b"1" + b"}" * 50_000,
        b'"' + b"x" * 50_000 + b'"',
        b'"]}[{\\""',
    ],
    ids=lambda raw: repr(raw[:12]),
)
def test_a_value_that_cannot_be_stored_spoils_one_report(known: HeistGuild, spoiled: bytes) -> None:
    good = json.dumps(GOOD).encode()
    for key in (b"x", b"name", b"displayName", b"_id", b"tier", b"provider", b"createdAt"):
        bad = good[:-1] + b', "' + key + b'": ' + spoiled + b"}"
        sent = read_body(b'{"subscribers": [' + bad + b", " + good + b"]}")
        assert sent is not None
        assert sent[1] == GOOD
        assert 1 not in {rejection["index"] for rejection in send(known, *sent).rejected}


@pytest.mark.parametrize(
    "raw", [b"", b"[]", b"{}", b'{"subscribers": 5}', b"{", b"\xff", b"[" * 99_999]
)
def test_a_body_without_reports_is_refused(raw: bytes) -> None:
    assert read_body(raw) is None
