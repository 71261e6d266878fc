"""Deliveries that cannot be verified on arrival are held, within limits, and verified later without
loss.
"""

from datetime import timedelta

import pytest
from limits import RateLimitItemPerMinute
from sqlalchemy import event, text
from structlog.testing import capture_logs

from core.kick import webhooks
from core.kick.deliveries import FETCH_INTERVAL, SignedRequest, set_public_key
from core.kick.health import check_unverified
from core.kick.intake import unverified
from core.kick.intake.store import set_subscriptions
from core.kick.intake.unverified import KEPT_FOR, RECHECK_INTERVAL, verify_deliveries
from core.kick.tasks import prune
from core.kit.database.connection import Database
from core.kit.health_item import HealthItem
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
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
    settings,
)

UNVERIFIED = (202, {"status": "unverified"})
STORED = (200, {"status": "stored"})
FORGERS = 2
ROTATED = 1


@pytest.fixture
def our_settings(endpoint: KeyEndpoint) -> Settings:
    return settings(kick_api_url=endpoint.url)


@pytest.fixture
def kick(clean: Database, clock: StandingClock, guild_id: int, our_settings: Settings) -> Hook:
    """Our webhook; Kick's key has been known for long."""
    follow(clean, guild_id)
    with clean.begin() as tx:
        set_public_key(tx, pem_of(new_key()), NOON - timedelta(days=30))
    return hook(clean, clock, our_settings)


@pytest.fixture
def services(kick: Hook, clean: Database, clock: StandingClock, our_settings: Settings) -> Services:
    return Services(our_settings, clean, LocalBus(), clock)


def sent(
    kick: Hook, message_id: str | None = None, timestamp: str | None = None
) -> tuple[int, object]:
    answer = kick.send(message_id=message_id, timestamp=timestamp)
    return answer.status_code, answer.json


def forge(kick: Hook, message_id: str | None = None) -> int:
    genuine, kick.key = kick.key, new_key(FORGERS)
    status = kick.send(message_id=message_id).status_code
    kick.key = genuine
    return status


def count(database: Database, table: str) -> int:
    with database.begin() as tx:
        return int(tx.execute(text(f"SELECT count(*) FROM {table}")).scalar_one())


def counts(database: Database) -> tuple[int, int]:
    """How many are in the inbox, and how many are held."""
    return count(database, "inbox_deliveries"), count(database, "kick_unverified_deliveries")


def health(services: Services) -> HealthItem | None:
    with services.database.begin() as tx:
        return next(iter(check_unverified(tx, services.clock())), None)


def test_forgery_just_before_rotation_loses_no_delivery(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    """It has used up the one request for Kick's key that is allowed in these seconds."""
    assert forge(kick) == 401
    kick.key = endpoint.key = new_key(ROTATED)
    for number in range(3):
        sent(kick, f"genuine-{number}")
    assert counts(clean) == (0, 4)
    assert endpoint.asked == 1

    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean) == (0, 4), "Kick is asked less often for what seems to be forged"
    clock.forward(seconds=RECHECK_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean) == (3, 1)
    assert endpoint.asked == 2
    assert sent(kick) == STORED


def test_deliveries_after_rotation_are_accepted_once_the_key_is_fetched(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    forge(kick)
    kick.key = endpoint.key = new_key(ROTATED)
    sent(kick, "early")
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    assert sent(kick) == STORED
    verify_deliveries(services)
    assert counts(clean) == (2, 1)


def test_deliveries_are_held_and_reported_while_the_key_is_unavailable(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    endpoint.is_away = True
    kick.key = endpoint.key = new_key(ROTATED)
    body = chat("is anybody there?")
    assert kick.send(body, message_id="one").status_code == 202
    assert sent(kick, "two") == UNVERIFIED
    assert counts(clean) == (0, 2)
    part = health(services)
    assert part is not None
    assert (part.state, part.name) == ("warn", "Kick signatures")
    assert "2 deliveries have been waiting" in part.reason

    clock.forward(hours=3)
    verify_deliveries(services)
    assert counts(clean) == (0, 2)
    endpoint.is_away = False
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean) == (2, 0)
    assert health(services) is None
    with clean.begin() as tx:
        row = tx.execute(text("SELECT * FROM inbox_deliveries ORDER BY id LIMIT 1")).one()
    assert (row.delivery_id, row.kind, row.body, row.sent_at) == (
        "one",
        "chat.message.sent",
        body,
        NOON,
    )


def test_first_delivery_is_held_while_no_key_is_known(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint
) -> None:
    with clean.begin() as tx:
        tx.exec_driver_sql("DELETE FROM kick_public_keys")
    endpoint.is_away = True
    assert sent(kick) == UNVERIFIED
    assert counts(clean) == (0, 1)


def test_new_installation_fetches_the_key_before_the_first_delivery(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint
) -> None:
    with clean.begin() as tx:
        tx.exec_driver_sql("DELETE FROM kick_public_keys")
    endpoint.is_away = True
    with capture_logs() as logs:
        verify_deliveries(services)
    assert [line["event"] for line in logs] == ["Fetching Kick's public key failed"]
    endpoint.is_away = False
    for _ in range(3):
        verify_deliveries(services)
    assert endpoint.asked == 2, "once in vain, and once is enough"
    endpoint.is_away = True
    assert sent(kick) == STORED
    assert counts(clean) == (1, 0)


def test_key_published_hours_later_verifies_held_deliveries(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    """As when a cache stands before Kick's endpoint."""
    kick.key = new_key(ROTATED)
    assert kick.send().status_code == 401
    part = health(services)
    assert part is not None
    assert part.state == "warn"
    assert "a key that Kick has not published" in part.reason
    clock.forward(hours=20)
    verify_deliveries(services)
    endpoint.key = new_key(ROTATED)
    clock.forward(seconds=RECHECK_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean) == (1, 0)


def test_forgeries_raise_no_alert_and_are_dropped_after_a_day(
    kick: Hook, services: Services, clean: Database, clock: StandingClock
) -> None:
    forge(kick)
    assert sent(kick) == STORED
    part = health(services)
    assert part is not None
    assert part.state == "ok"
    clock.forward(seconds=KEPT_FOR.total_seconds() + 1)
    verify_deliveries(services)
    assert counts(clean) == (1, 0)
    assert health(services) is None


def test_forgery_with_a_genuine_id_does_not_block_the_delivery(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    endpoint.is_away = True
    forge(kick, "01JABC")
    kick.key = endpoint.key = new_key(ROTATED)
    assert sent(kick, "01JABC") == UNVERIFIED
    assert sent(kick, "01JABC") == UNVERIFIED
    endpoint.is_away = False
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean) == (1, 1)


@pytest.mark.parametrize(
    "how",
    [
        {"raw": b"{"},
        {"raw": b"[]"},
        {"body": chat(channel=VERA)},
        {"kind": "some.future.event"},
        {"timestamp": "yesterday"},
        {"headers": {"Kick-Event-Message-Id": None}},
    ],
)
def test_deliveries_rejected_anyway_are_not_held(
    kick: Hook, clean: Database, how: dict[str, object]
) -> None:
    kick.key = new_key(FORGERS)
    assert kick.send(**how).status_code in (400, 401)  # type: ignore[arg-type]
    assert counts(clean) == (0, 0)


def test_held_deliveries_are_limited_and_forgeries_dropped_first(
    kick: Hook,
    services: Services,
    clean: Database,
    endpoint: KeyEndpoint,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(unverified, "MAX_KEPT", 5)
    monkeypatch.setattr(unverified, "BATCH_SIZE", 2)
    for _ in range(8):
        forge(kick)
    assert counts(clean) == (0, 5)
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    endpoint.is_away = True
    kick.key = endpoint.key = new_key(ROTATED)
    assert [sent(kick) for _ in range(5)] == [UNVERIFIED] * 5
    assert kick.send().status_code == 503
    assert counts(clean) == (0, 5)
    endpoint.is_away = False
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean) == (5, 0)


def test_oversized_body_is_not_held(kick: Hook, clean: Database) -> None:
    kick.key = new_key(FORGERS)
    assert kick.send(chat("x" * unverified.MAX_BYTES)).status_code == 401
    assert counts(clean) == (0, 0)


# -- a wrong clock ------------------------------------------------------------------------------


@pytest.mark.parametrize("hours", [-24 * 365, -25, -1, 1, 25, 24 * 365])
def test_current_events_are_accepted_despite_a_wrong_local_clock(
    kick: Hook, clean: Database, endpoint: KeyEndpoint, clock: StandingClock, hours: int
) -> None:
    clock.forward(hours=hours)
    endpoint.ahead = timedelta(hours=-hours)
    assert sent(kick, timestamp="2026-05-01T12:00:00Z") == STORED
    assert counts(clean) == (1, 0)


@pytest.mark.parametrize("hours", [25, 24 * 365])
def test_old_delivery_is_rejected_although_local_clock_is_ahead(
    kick: Hook, clean: Database, endpoint: KeyEndpoint, clock: StandingClock, hours: int
) -> None:
    clock.forward(hours=hours)
    endpoint.ahead = timedelta(hours=-hours)
    assert kick.send(timestamp="2026-04-30T11:59:59Z").status_code == 403
    assert counts(clean) == (0, 0)


def test_replay_is_rejected_although_local_clock_is_behind(
    kick: Hook, endpoint: KeyEndpoint, clock: StandingClock, services: Services
) -> None:
    clock.forward(days=-7)
    endpoint.ahead = timedelta(days=7)
    forge(kick)  # asks Kick
    assert kick.send(timestamp="2026-04-26T12:00:00Z").status_code == 403
    assert sent(kick, timestamp="2026-05-01T12:00:00Z") == STORED


def test_seemingly_old_delivery_is_held_while_the_time_is_unknown(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    clock.forward(days=3)
    endpoint.is_away, endpoint.ahead = True, timedelta(days=-3)
    assert sent(kick, "fresh", timestamp="2026-05-01T12:00:00Z") == UNVERIFIED
    assert sent(kick, "old", timestamp="2026-04-30T11:59:59Z") == UNVERIFIED
    clock.forward(hours=2)
    verify_deliveries(services)
    assert counts(clean) == (0, 2)
    endpoint.is_away = False
    clock.forward(hours=2)
    verify_deliveries(services)
    assert counts(clean) == (1, 0)
    with clean.begin() as tx:
        assert tx.execute(text("SELECT delivery_id FROM inbox_deliveries")).scalar() == "fresh"


def test_clock_ahead_prunes_nothing_inside_the_replay_window(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    endpoint.ahead = timedelta(days=-7)
    clock.forward(days=7)
    forge(kick)  # asks Kick
    assert sent(kick, "01JABC", timestamp="2026-05-01T12:00:00Z") == STORED
    with clean.begin() as tx:
        tx.exec_driver_sql("UPDATE inbox_deliveries SET state = 'done', received_at = sent_at")
    prune(services)
    assert sent(kick, "01JABC", timestamp="2026-05-01T12:00:00Z") == (200, {"status": "seen"})


# -- who goes before whom -------------------------------------------------------------------------

OURS = "01J000000000000000000000AB"
"""The subscription that the deliveries of `Hook` name."""


def subscribed(database: Database) -> None:
    with database.begin() as tx:
        now = NOON - timedelta(days=1)
        set_subscriptions(tx, NORA, {"chat.message.sent": OURS}, {}, now)


def flood(kick: Hook, count: int, **headers: str | None) -> set[int]:
    genuine, kick.key = kick.key, new_key(FORGERS)
    stranger: dict[str, str | None] = {"Kick-Event-Subscription-Id": "01J-of-a-stranger"}
    answers = {kick.send(headers=stranger | headers).status_code for _number in range(count)}
    kick.key = genuine
    return answers


@pytest.mark.parametrize("endpoint_away", [True, False], ids=["no answer", "old key"])
@pytest.mark.parametrize("first", ["genuine", "forged"])
def test_forgeries_do_not_push_out_what_could_be_genuine(
    kick: Hook,
    services: Services,
    clean: Database,
    endpoint: KeyEndpoint,
    clock: StandingClock,
    monkeypatch: pytest.MonkeyPatch,
    endpoint_away: bool,
    first: str,
) -> None:
    """Signed with a new key that Kick does not name yet, or that cannot be asked for."""
    monkeypatch.setattr(unverified, "MAX_KEPT", 5)
    subscribed(clean)
    endpoint.is_away = endpoint_away
    kick.key = new_key(ROTATED)
    if first == "forged":
        flood(kick, 8)
    for number in range(3):
        sent(kick, f"genuine-{number}")
    flood(kick, 8)
    assert count(clean, "kick_unverified_deliveries") == 5
    endpoint.is_away, endpoint.key = False, new_key(ROTATED)
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean)[0] == 3


def test_flood_of_one_network_leaves_room_for_others(
    clean: Database, kick: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Even where it names the same subscription."""
    monkeypatch.setattr(unverified, "MAX_KEPT", 6)
    request = SignedRequest("m", "t", b"{}", "s")
    with clean.begin() as tx:
        for sender, kept in (("a", 10), ("b", 2), ("a", 10), ("c", 1)):
            for _number in range(kept):
                unverified.keep(tx, request, NOON, "key", is_known=True, sender=sender)
        by_sender = tx.execute(
            text("SELECT sender, count(*) FROM kick_unverified_deliveries GROUP BY 1 ORDER BY 1")
        )
        assert dict(tuple(row) for row in by_sender) == {"a": 3, "b": 2, "c": 1}


def test_flood_is_counted_before_it_costs_anything(
    kick: Hook, clean: Database, endpoint: KeyEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(webhooks, "UNSIGNED", RateLimitItemPerMinute(3))
    subscribed(clean)
    assert flood(kick, 10) == {401}
    assert count(clean, "kick_unverified_deliveries") == 3
    asked: list[str] = []
    event.listen(clean.engine, "before_cursor_execute", lambda *given: asked.append(given[2]))
    assert flood(kick, 3) == {401}
    looked = [sql for sql in asked if sql.lstrip().startswith("SELECT")]
    assert not looked, "counted before anything is looked up"
    kick.key = endpoint.key = new_key(ROTATED)
    assert kick.send().status_code == 401, "it fits no key yet, but is kept"
    assert count(clean, "kick_unverified_deliveries") == 4


def test_new_key_verifies_what_was_held_at_once(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    """The next delivery fetches the key, and no task has to run."""
    kick.key = new_key(ROTATED)
    for number in range(3):
        assert kick.send(message_id=f"early-{number}").status_code == 401
    endpoint.key = new_key(ROTATED)
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    assert sent(kick, "later") == STORED
    assert counts(clean) == (4, 0)


def test_key_published_a_minute_later_is_fetched_within_seconds(
    kick: Hook, services: Services, clean: Database, endpoint: KeyEndpoint, clock: StandingClock
) -> None:
    """In a quiet chat, where no other delivery comes."""
    subscribed(clean)
    kick.key = new_key(ROTATED)
    assert kick.send().status_code == 401
    clock.forward(minutes=1)
    verify_deliveries(services)
    endpoint.key = new_key(ROTATED)
    clock.forward(seconds=FETCH_INTERVAL.total_seconds())
    verify_deliveries(services)
    assert counts(clean) == (1, 0)
