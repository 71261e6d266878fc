"""`POST /webhooks/kick`: every response, without other effects."""

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest
from prometheus_client import REGISTRY
from sqlalchemy import select
from structlog.testing import capture_logs
from werkzeug.test import TestResponse

from core.inbox.records import deliveries
from core.kick.deliveries import set_public_key
from core.kick.health import check_webhooks
from core.kit.database.connection import Database
from tests.kick.rig import (
    NOON,
    NORA,
    VERA,
    Hook,
    KeyEndpoint,
    StandingClock,
    chat,
    follow,
    hook,
    new_key,
    pem_of,
    person,
    settings,
    status,
)

STATUS = "livestream.status.updated"


@pytest.fixture
def kick(clean: Database, clock: StandingClock, guild_id: int, endpoint: KeyEndpoint) -> Hook:
    """Our webhook, for a server that follows Nora; Kick's key is known."""
    follow(clean, guild_id)
    with clean.begin() as tx:
        set_public_key(tx, pem_of(new_key()), NOON - timedelta(days=30))
    return hook(clean, clock, settings(kick_api_url=endpoint.url))


def stored(database: Database) -> list[Any]:
    with database.begin() as tx:
        return list(tx.execute(select(deliveries).order_by(deliveries.c.id)))


def counted(outcome: str) -> float:
    return REGISTRY.get_sample_value("kick_webhooks_total", {"outcome": outcome}) or 0.0


def test_genuine_delivery_is_stored_unchanged(
    kick: Hook, clean: Database, clock: StandingClock
) -> None:
    body = chat("!call Book of Dead 🎰")
    answer = kick.send(body, message_id="01JABC", timestamp="2026-05-01T11:59:58Z")
    assert (answer.status_code, answer.json) == (200, {"status": "stored"})
    (row,) = stored(clean)
    assert (row.source, row.delivery_id, row.kind) == (
        "kick.webhook",
        "01JABC",
        "chat.message.sent",
    )
    assert (row.lane, row.state) == (f"kick:{NORA}", "waiting")
    assert row.body == body
    assert row.sent_at == NOON.replace(hour=11, minute=59, second=58)


def test_health_shows_the_last_delivery(
    kick: Hook, clean: Database, clock: StandingClock, other_guild_id: int
) -> None:
    kick.send(chat())
    with clean.begin() as tx:
        (part,) = check_webhooks(tx, clock.now + timedelta(seconds=12))
        assert (part.reason, part.age_seconds, part.age_of) == (
            "Following 1 channel.",
            12,
            "received",
        )
    follow(clean, other_guild_id, VERA)
    with clean.begin() as tx:
        (part,) = check_webhooks(tx, clock.now)
    assert part.reason == "Following 2 channels."


def test_repeated_delivery_is_seen_and_not_stored(kick: Hook, clean: Database) -> None:
    body = chat()
    first, second = (kick.send(body, message_id="01JABC") for _ in range(2))
    assert (first.json, second.json) == ({"status": "stored"}, {"status": "seen"})
    assert second.status_code == 200
    assert len(stored(clean)) == 1


def test_same_body_with_new_id_is_stored_again(kick: Hook, clean: Database) -> None:
    """Two subscriptions make two deliveries; the worker knows the fact by the body's own id."""
    body = chat()
    assert [kick.send(body).json for _ in range(2)] == [{"status": "stored"}] * 2
    assert len(stored(clean)) == 2


@pytest.mark.parametrize(
    ("kind", "body"),
    [
        ("chat.message.sent", chat(sender=person(is_verified=None, profile_picture=""))),
        ("chat.message.sent", chat(sender=person(identity=None))),
        ("chat.message.sent", chat(sender=person(identity={"badges": None}))),
        ("chat.message.sent", chat(emotes=None)),
        ("chat.message.sent", chat(sender=person(name="mADcATS"))),
        ("chat.message.sent", chat("😀" * 500)),
        (STATUS, status(True)),
        (STATUS, status(False)),
        (STATUS, status(False, ended_at=None)),
    ],
)
def test_real_world_bodies_are_stored(
    kick: Hook, clean: Database, kind: str, body: dict[str, Any]
) -> None:
    assert kick.send(body, kind=kind).json == {"status": "stored"}
    assert stored(clean)[0].body == body


@pytest.mark.parametrize("kind", ["some.future.event", "poll.livestream"])
def test_unused_type_is_ignored_with_200(kick: Hook, clean: Database, kind: str) -> None:
    """An event type whose deliveries fail for a day is silently unsubscribed by Kick."""
    answer = kick.send({"anything": 1}, kind=kind)
    assert (answer.status_code, answer.json) == (200, {"status": "ignored"})
    assert stored(clean) == []


NOT_JSON = b"content=hello"

DECLINED: dict[str, tuple[int, str, dict[str, Any]]] = {
    "no id": (400, "missing_header", {"headers": {"Kick-Event-Message-Id": None}}),
    "no timestamp": (400, "missing_header", {"headers": {"Kick-Event-Message-Timestamp": None}}),
    "no signature": (400, "missing_header", {"headers": {"Kick-Event-Signature": None}}),
    "no type": (400, "missing_header", {"kind": None}),
    "endless id": (400, "missing_header", {"message_id": "x" * 1001}),
    "garbage for a signature": (401, "bad_signature", {"headers": {"Kick-Event-Signature": "x"}}),
    "another signature": (
        401,
        "bad_signature",
        {"headers": {"Kick-Event-Message-Id": "01JANOTHER"}},
    ),
    "timestamp that is none": (400, "bad_timestamp", {"timestamp": "yesterday"}),
    "timestamp without zone": (400, "bad_timestamp", {"timestamp": "2026-05-01T12:00:00"}),
    "timestamp at the end of time": (
        400,
        "bad_timestamp",
        {"timestamp": "9999-12-31T23:59:59-23:59"},
    ),
    "too old": (403, "stale", {"timestamp": "2026-04-30T11:59:59Z"}),
    "form": (415, "not_json", {"content_type": "application/x-www-form-urlencoded"}),
    "text": (415, "not_json", {"content_type": "text/plain"}),
    "no content type": (415, "not_json", {"content_type": ""}),
    "more than 1 MB": (413, "too_large", {"raw": b" " * 1_000_001}),
    "not JSON": (400, "bad_json", {"raw": NOT_JSON}),
    "half of JSON": (400, "bad_json", {"raw": b'{"message_id": "'}),
    "nothing": (400, "bad_json", {"raw": b" "}),
    "Latin-1": (400, "bad_json", {"raw": '{"content": "é"}'.encode("latin-1")}),
    "half a character": (400, "bad_json", {"raw": b'{"content": "\xed\xa0\x80"}'}),
    "UTF-16": (400, "bad_json", {"raw": json.dumps(chat()).encode("utf-16")}),
    "not a number": (400, "bad_json", {"raw": b'{"content": NaN}'}),
    "nested without end": (400, "bad_json", {"raw": b'{"a":' * 100_000 + b"}" * 100_000}),
    "a number without end": (400, "bad_json", {"raw": b'{"a":' + b"9" * 5000 + b"}"}),
    "gzip": (400, "bad_json", {"raw": gzip.compress(json.dumps(chat()).encode())}),
    "a list": (422, "wrong_shape", {"body": [chat()]}),
    "an empty object": (422, "wrong_shape", {"body": {}}),
    "a status called chat": (422, "wrong_shape", {"body": status(True)}),
    "a chat called status": (422, "wrong_shape", {"body": chat(), "kind": STATUS}),
    "nobody's channel": (422, "wrong_shape", {"body": chat(broadcaster=None)}),
    "a channel that nobody follows": (404, "unknown_channel", {"body": chat(channel=VERA)}),
}


@pytest.mark.parametrize("case", DECLINED)
def test_rejected_delivery_is_counted_and_has_no_effect(
    kick: Hook, clean: Database, case: str
) -> None:
    expected, outcome, delivery = DECLINED[case]
    body = delivery.get("body")
    before = counted(outcome)
    with capture_logs() as lines:
        answer = kick.send(body, **{k: v for k, v in delivery.items() if k != "body"})
    assert answer.status_code == expected
    assert answer.json is not None
    assert answer.json["error"].endswith(".")
    assert "Traceback" not in answer.text
    assert counted(outcome) == before + 1
    assert stored(clean) == []
    assert [(line["log_level"], line["reason"]) for line in lines] == [("info", outcome)]


@pytest.mark.parametrize(
    "timestamp",
    ["2026-04-30T12:00:00Z", "2026-05-01T13:00:00Z", "2026-05-01T14:00:00+02:00"],
)
def test_delivery_of_the_last_day_or_the_future_is_accepted(kick: Hook, timestamp: str) -> None:
    assert kick.send(timestamp=timestamp).json == {"status": "stored"}


def test_maximum_age_is_a_setting(
    clean: Database, clock: StandingClock, endpoint: KeyEndpoint, kick: Hook
) -> None:
    strict = hook(clean, clock, settings(webhook_max_age_seconds=60, kick_api_url=endpoint.url))
    assert strict.send(timestamp="2026-05-01T11:59:00Z").status_code == 200
    assert strict.send(timestamp="2026-05-01T11:58:59Z").status_code == 403


def test_replay_within_a_day_is_seen_and_later_rejected(
    kick: Hook, clock: StandingClock, clean: Database
) -> None:
    body = chat()

    def again() -> TestResponse:
        return kick.send(body, message_id="01JABC", timestamp="2026-05-01T12:00:00Z")

    assert again().json == {"status": "stored"}
    clock.forward(hours=23, minutes=59)
    assert again().json == {"status": "seen"}
    clock.forward(minutes=2)
    assert again().status_code == 403
    assert len(stored(clean)) == 1


def test_exactly_one_megabyte_is_accepted(kick: Hook, clean: Database) -> None:
    raw = json.dumps(chat()).encode()
    assert kick.send(raw=raw + b" " * (1_000_000 - len(raw))).json == {"status": "stored"}


def test_chunked_body_is_rejected(kick: Hook) -> None:
    """A chunked body could grow without end."""
    answer = kick.send(headers={"Transfer-Encoding": "chunked"})
    assert answer.status_code == 413


def test_channel_comes_from_the_signed_body(kick: Hook, clean: Database) -> None:
    """Only id, timestamp and body are signed."""
    pretends = {"Kick-Event-Broadcaster-Id": str(VERA), "Kick-Event-Subscription-Id": "forged"}
    assert kick.send(chat(channel=NORA), headers=dict(pretends)).status_code == 200
    assert stored(clean)[0].lane == f"kick:{NORA}"


def test_unstorable_characters_do_not_lose_the_message(kick: Hook, clean: Database) -> None:
    raw = json.dumps(chat("a#b")).replace("a#b", "a\\u0000b\\ud83d c").encode()
    assert kick.send(raw=raw).json == {"status": "stored"}
    (row,) = stored(clean)
    assert row.body["content"].startswith("a")
    assert "\0" not in row.body["content"]


def test_newly_followed_channel_is_accepted_immediately(
    kick: Hook, clean: Database, other_guild_id: int
) -> None:
    assert kick.send(chat(channel=VERA)).status_code == 404
    follow(clean, other_guild_id, VERA, "veraspins")
    assert kick.send(chat(channel=VERA)).status_code == 200


def test_only_post_is_allowed(kick: Hook) -> None:
    assert kick.client.get("/webhooks/kick").status_code == 405


# -- Kick's key and the database ----------------------------------------------------------------


def test_new_key_is_fetched_after_rotation_and_the_old_one_still_works(
    kick: Hook, endpoint: KeyEndpoint
) -> None:
    old = kick.key
    endpoint.key = kick.key = new_key(1)
    assert kick.send().json == {"status": "stored"}
    kick.key = old
    assert kick.send().json == {"status": "stored"}
    assert endpoint.asked == 1


def test_forgeries_trigger_one_key_request(kick: Hook, endpoint: KeyEndpoint) -> None:
    kick.key = new_key(2)
    assert [kick.send().status_code for _ in range(4)] == [401] * 4
    assert endpoint.asked == 1


@pytest.mark.parametrize("trouble", ["disk", "connections", "shutdown"])
def test_database_error_is_503_and_next_delivery_is_stored(
    kick: Hook, clean: Database, trouble: str
) -> None:
    """Such as a full disk: the sender may try again, and the delivery is not to blame."""
    state = {"disk": "53100", "connections": "53300", "shutdown": "57P01"}[trouble]
    assert kick.send().status_code == 200
    with clean.begin() as tx:
        tx.exec_driver_sql(f"""
            CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
            $$ BEGIN RAISE EXCEPTION 'no' USING ERRCODE = '{state}'; END $$;
            CREATE TRIGGER fail BEFORE INSERT ON inbox_deliveries EXECUTE FUNCTION fail()
        """)
    try:
        answer = kick.send()
    finally:
        with clean.begin() as tx:
            tx.exec_driver_sql("DROP FUNCTION fail CASCADE")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"]
    assert kick.send().status_code == 200
    assert len(stored(clean)) == 2


def test_missing_database_is_503_without_details(clock: StandingClock) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    answer = hook(away, clock, settings()).send()
    assert answer.status_code == 503
    assert answer.json == {
        "error": "The database is not answering.",
        "remedy": "Please try again shortly.",
    }
