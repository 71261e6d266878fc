"""The delivery log: every outcome, no bodies, no deliveries of other servers, limited size."""

from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import func, select, text

from core.kick.deliveries import set_public_key
from core.kick.discord import SHOWN
from core.kick.health import check_deliveries
from core.kick.intake import log, store
from core.kick.intake.records import LogLine, UnattributedDelivery
from core.kick.messages import webhook_log
from core.kit.database.connection import Database
from core.kit.health_item import HealthItem
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
    line_of,
    new_key,
    pem_of,
    settings,
)

CHAT = "chat.message.sent"


@pytest.fixture
def kick(clean: Database, clock: StandingClock, guild_id: int, endpoint: KeyEndpoint) -> Hook:
    follow(clean, guild_id)
    with clean.begin() as tx:
        set_public_key(tx, pem_of(new_key()), NOON)
    return hook(clean, clock, settings(kick_api_url=endpoint.url))


def lines(database: Database, guild_id: int) -> list[LogLine]:
    with database.begin() as tx:
        return log.list_newest_lines(tx, guild_id, 1000)


def unattributed_count(database: Database) -> dict[str, int]:
    with database.begin() as tx:
        return log.count_unattributed(tx, NOON - timedelta(days=1))


def rows(database: Database) -> int:
    with database.begin() as tx:
        return sum(
            tx.execute(select(func.count()).select_from(record)).scalar_one()
            for record in (LogLine, UnattributedDelivery)
        )


def test_stored_delivery_is_logged_with_its_delay(
    kick: Hook, clean: Database, guild_id: int
) -> None:
    kick.send(message_id="01J", timestamp="2026-05-01T11:59:58Z")
    assert lines(clean, guild_id) == [
        line_of(
            guild_id,
            NOON,
            "stored",
            sent_at=NOON - timedelta(seconds=2),
            kind=CHAT,
            delivery_id="01J",
            subscription_id="01J000000000000000000000AB",
        )
    ]
    with clean.begin() as tx:
        found = log.list_newest_of_kinds(tx, guild_id, [CHAT, "kicks.gifted"])
    assert found == {CHAT: NOON, "kicks.gifted": None}


@pytest.mark.parametrize(
    ("delivery", "outcome"),
    [
        ({"timestamp": "2026-04-30T11:00:00Z"}, "stale"),
    ],
)
def test_signed_but_rejected_delivery_is_in_its_server_log(
    kick: Hook, clean: Database, guild_id: int, delivery: dict[str, Any], outcome: str
) -> None:
    assert kick.send(**delivery).status_code == 403
    assert [line.outcome for line in lines(clean, guild_id)] == [outcome]
    assert unattributed_count(clean) == {}


@pytest.mark.parametrize(
    ("delivery", "outcome"),
    [
        ({"headers": {"Kick-Event-Signature": "forged"}}, "bad_signature"),
        ({"headers": {"Kick-Event-Message-Id": None}}, "missing_header"),
        ({"raw": b"nothing"}, "bad_json"),
        ({"kind": "some.future.event"}, "ignored"),
        ({"body": {}}, "wrong_shape"),
        ({"body": chat(channel=VERA)}, "unknown_channel"),
        ({"content_type": "text/plain"}, "not_json"),
        ({"timestamp": "yesterday"}, "bad_timestamp"),
    ],
)
def test_unattributed_delivery_is_only_counted(
    kick: Hook, clean: Database, guild_id: int, delivery: dict[str, Any], outcome: str
) -> None:
    """An unsigned body could name any channel; it must not get into that server's log."""
    kick.send(**delivery)
    assert unattributed_count(clean) == {outcome: 1}
    assert lines(clean, guild_id) == []


def test_repeated_delivery_is_logged_as_seen(kick: Hook, clean: Database, guild_id: int) -> None:
    body = chat()
    for _ in range(2):
        kick.send(body, message_id="01J")
    assert [line.outcome for line in lines(clean, guild_id)] == ["seen", "stored"]


def test_no_body_content_is_logged(kick: Hook, clean: Database) -> None:
    secret = "nobody may read this"
    kick.send(chat(secret), timestamp="2026-04-30T11:00:00Z")
    kick.send(chat(secret), headers={"Kick-Event-Signature": "forged"})
    with clean.begin() as tx:
        kept = [
            str(row)
            for table in ("kick_webhook_log", "kick_unattributed_deliveries")
            for row in tx.execute(text(f"SELECT * FROM {table}"))
        ]
    assert len(kept) == 2
    assert not any("nobody may" in row for row in kept)


def test_log_is_isolated_per_server(
    kick: Hook, clean: Database, guild_id: int, other_guild_id: int
) -> None:
    kick.send(message_id="ours")
    follow(clean, other_guild_id, VERA, "veraspins")
    kick.send(chat(channel=VERA), message_id="theirs")
    assert [line.delivery_id for line in lines(clean, guild_id)] == ["ours"]
    assert [line.delivery_id for line in lines(clean, other_guild_id)] == ["theirs"]


def test_two_servers_of_one_channel_each_get_a_line(
    clean: Database, kick: Hook, guild_id: int, other_guild_id: int
) -> None:
    follow(clean, other_guild_id)
    kick.send(message_id="01J")
    for guild in (guild_id, other_guild_id):
        assert [line.delivery_id for line in lines(clean, guild)] == ["01J"]


def test_flood_of_rejected_deliveries_is_limited(
    kick: Hook, clean: Database, clock: StandingClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MAX_LINES_PER_MINUTE", 5)
    for _ in range(20):
        kick.send(headers={"Kick-Event-Signature": "forged"})
    body = chat()
    for _ in range(20):  # a genuine delivery, replayed
        kick.send(body, message_id="01J")
    assert rows(clean) == 5
    clock.forward(minutes=1)
    kick.send(headers={"Kick-Event-Signature": "forged"})
    assert unattributed_count(clean) == {"bad_signature": 21, "seen": 19}
    assert rows(clean) == 5 + 2 + 1


def test_stored_deliveries_are_logged_without_limit(
    kick: Hook, clean: Database, guild_id: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "MAX_LINES_PER_MINUTE", 0)
    for _ in range(5):
        kick.send()
    assert len(lines(clean, guild_id)) == 5
    assert rows(clean) == 0, "the inbox holds it already"


def test_long_headers_are_truncated(kick: Hook, clean: Database, guild_id: int) -> None:
    kick.send(message_id="x" * 900, headers={"Kick-Event-Subscription-Id": "y" * 5000})
    (line,) = lines(clean, guild_id)
    assert (line.delivery_id, line.subscription_id) == ("x" * 100, "y" * 100)


def test_rejection_works_without_the_database(clock: StandingClock) -> None:
    away = Database("postgresql://nobody@127.0.0.1:1/nothing")
    answer = hook(away, clock, settings()).send(content_type="text/plain")
    assert answer.status_code == 415


# -- health -------------------------------------------------------------------------------------


def told(database: Database, clock: StandingClock, name: str) -> list[HealthItem]:
    with database.begin() as tx:
        return [part for part in check_deliveries(tx, clock.now) if part.name == name]


def test_late_deliveries_are_reported_to_their_server(
    kick: Hook, clean: Database, clock: StandingClock, guild_id: int, other_guild_id: int
) -> None:
    follow(clean, other_guild_id, VERA, "veraspins")
    kick.send(chat(channel=VERA), timestamp="2026-05-01T11:59:30Z")
    kick.send(timestamp="2026-05-01T11:56:00Z")
    (part,) = told(clean, clock, "Kick delays")
    assert (part.state, part.guild_id) == ("warn", guild_id)
    assert "4 min" in part.reason
    clock.forward(minutes=16)
    assert told(clean, clock, "Kick delays") == []


def test_deliveries_of_an_unknown_subscription_are_stored_and_reported(
    kick: Hook, clean: Database, clock: StandingClock, guild_id: int
) -> None:
    with clean.begin() as tx:
        ids = {CHAT: "ours", "kicks.gifted": "other"}
        store.set_subscriptions(tx, NORA, ids, {}, NOON)
    for subscription_id in ("ours", "theirs", "other", ""):
        assert kick.send(headers={"Kick-Event-Subscription-Id": subscription_id}).json == {
            "status": "stored"
        }
    (part,) = told(clean, clock, "Kick deliveries")
    assert part.guild_id == guild_id
    assert part.reason.startswith("3 in the last hour"), "also one that is ours for another kind"
    clock.forward(minutes=61)
    assert told(clean, clock, "Kick deliveries") == []


# -- how it looks -------------------------------------------------------------------------------


def test_log_shows_type_time_delay_outcome_and_reason(guild_id: int) -> None:
    def line(outcome: str, delay: float, kind: str = CHAT) -> LogLine:
        sent_at = NOON - timedelta(seconds=delay)
        return line_of(guild_id, NOON, outcome, sent_at=sent_at, kind=kind)

    embed = webhook_log(
        [line("stored", 1), line("seen", 0), line("stale", 90_000), line("stored", 600, "a`b")],
        {"bad_signature": 1200},
    )
    said = str(embed.description)
    assert "🟢" in said
    assert "processed" in said
    assert "rejected: too old" in said
    assert "⚠️ after 10 min" in said
    assert "`a`b`" not in said
    assert "1,200" in str(embed.footer.text)
    assert "not signed by Kick: 1200" in str(embed.footer.text)


def test_empty_log_explains_how_to_test() -> None:
    assert "Write in your Kick chat" in str(webhook_log([], {}).description)


def test_ten_long_lines_fit_in_an_embed(guild_id: int) -> None:
    long = line_of(guild_id, NOON, "o" * 100, kind="k" * 100)
    assert len(webhook_log([long] * SHOWN, {})) < 6000
