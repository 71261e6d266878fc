"""`POST /webhooks/twitch`: only what Twitch signed lately is stored, and once."""

import pytest
from pydantic import SecretStr

from core.inbox.worker import Worker
from core.kit.runtime.clock import RemoteClock
from core.twitch import store
from core.twitch.bodies import KINDS, REVOKED
from core.twitch.client import client_of
from core.twitch.eventsub.missed import resync_webhooks
from core.twitch.eventsub.reconcile import place_of, reconcile
from core.twitch.eventsub.rules import callback_of
from core.twitch.feature import FEATURE as TWITCH
from tests.conftest import GUILD
from tests.twitch.rig import NORA, Installation, chat, deliver, someone

CHAT = "channel.chat.message"


@pytest.fixture(autouse=True)
def connected(installation: Installation) -> None:
    installation.connect()


@pytest.mark.parametrize("path", ["/webhooks/twitch", "/api/webhooks/eventsub"])
def test_event_is_stored(installation: Installation, path: str) -> None:
    answer = deliver(installation, CHAT, chat(), path=path, message_id="m1")
    assert (answer.status_code, answer.json) == (200, {"status": "stored"})
    assert installation.stored() == [(CHAT, "m1")]


def test_repetition_is_stored_once(installation: Installation) -> None:
    event = chat()
    deliver(installation, CHAT, event, message_id="m1")
    assert deliver(installation, CHAT, event, message_id="m1").json == {"status": "seen"}
    assert len(installation.stored()) == 1


def test_challenge_is_answered_as_plain_text(installation: Installation) -> None:
    answer = deliver(
        installation,
        CHAT,
        None,
        message_type="webhook_callback_verification",
        challenge="pogchamp-kappa",
    )
    assert (answer.status_code, answer.text) == (200, "pogchamp-kappa")
    assert answer.mimetype == "text/plain"


def test_forged_signature_is_refused(installation: Installation) -> None:
    answer = deliver(installation, CHAT, chat(), secret="another secret")
    assert answer.status_code == 403
    assert installation.stored() == []


def test_challenge_with_a_forged_signature_is_refused(installation: Installation) -> None:
    kind = "webhook_callback_verification"
    answer = deliver(installation, CHAT, None, message_type=kind, challenge="x", secret="other")
    assert answer.status_code == 403


@pytest.mark.parametrize(("seconds", "status"), [(-590, 200), (-610, 403), (590, 200), (610, 403)])
def test_ten_minutes_are_the_limit(installation: Installation, seconds: float, status: int) -> None:
    assert deliver(installation, CHAT, chat(), seconds=seconds).status_code == status


def test_unknown_type_and_foreign_channel_are_acknowledged(installation: Installation) -> None:
    assert deliver(installation, "channel.hype_train.begin", someone()).json == {
        "status": "ignored"
    }
    foreign = chat(broadcaster_user_id="999")
    assert deliver(installation, CHAT, foreign).json == {"status": "ignored"}
    assert installation.stored() == []


@pytest.mark.parametrize("event", [{}, {"broadcaster_user_id": "x"}, [], "text", None])
def test_body_that_does_not_fit_is_declined(installation: Installation, event: object) -> None:
    answer = deliver(installation, CHAT, event or {})  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert installation.stored() == []


def test_missing_headers_and_bodies_are_declined(installation: Installation) -> None:
    browser = installation.browser()
    assert browser.post("/webhooks/twitch", data=b"{}").status_code == 400
    assert browser.post("/webhooks/twitch", data=b"x" * 1_000_001).status_code == 413


def test_revoked_subscription_is_shown_and_made_again(installation: Installation) -> None:
    with installation.services.database.begin() as tx:
        now = installation.clock()
        store.set_subscription(tx, NORA, CHAT, now, subscription_id="s1", place="here")
    subscription = {"id": "s1", "type": CHAT, "status": "notification_failures_exceeded"}
    answer = deliver(installation, CHAT, None, message_type="revocation", subscription=subscription)
    assert answer.json == {"status": "revoked"}
    with installation.services.database.begin() as tx:
        [one] = store.list_subscriptions(tx, NORA)
    assert one.subscription_id is None
    assert one.trouble == "Twitch ended it: Twitch failed to reach this server too often."


# -- subscriptions by webhook ---------------------------------------------------------------------


@pytest.fixture
def hooked(installation: Installation) -> Installation:
    """Webhooks to a server that the fake Twitch cannot reach: only what is subscribed counts."""
    return installation.with_settings(twitch_eventsub="webhook")


def kinds(installation: Installation) -> list[str]:
    return sorted(subscription["type"] for subscription in installation.twitch.subscriptions())


def test_every_type_is_subscribed_once(hooked: Installation) -> None:
    reconcile(hooked.services)
    first = kinds(hooked)
    assert CHAT in first
    assert "user.authorization.revoke" in first
    assert len(first) == len(set(first)) == len(KINDS) + 1
    with hooked.services.database.begin() as tx:
        known = store.list_subscriptions(tx, NORA)
    assert {one.place for one in known} == {place_of(hooked.services.settings)}
    assert all(one.trouble is None for one in known)


def test_what_is_lost_is_made_again_and_nothing_twice(hooked: Installation) -> None:
    reconcile(hooked.services)
    before = kinds(hooked)
    hooked.twitch.do("lose_subscription", type="channel.raid")
    # Those whose challenge failed are made again as well: the receiver is not there.
    reconcile(hooked.services)
    assert kinds(hooked) == before


def missed(installation: Installation) -> int:
    sql = "SELECT count(*) FROM inbox_deliveries WHERE kind = 'EventsMissed'"
    return int(installation.rows(sql)[0][0])


def test_new_subscriptions_and_starts_are_told_as_gaps(hooked: Installation) -> None:
    reconcile(hooked.services)
    assert missed(hooked) == 1
    hooked.twitch.do("lose_subscription", type="channel.raid")
    reconcile(hooked.services)
    assert missed(hooked) == 2
    resync_webhooks(hooked.services)
    assert missed(hooked) == 3
    resync_webhooks(hooked.with_settings(twitch_eventsub="websocket").services)
    assert missed(hooked) == 3


def test_other_callbacks_are_never_touched(hooked: Installation) -> None:
    """The same app runs somewhere else, with its own database."""
    elsewhere = hooked.with_settings(oauth_base_url="https://elsewhere.example")
    reconcile(elsewhere.services)
    for table in ("twitch_subscriptions", "twitch_callbacks"):
        hooked.rows(f"DELETE FROM {table} RETURNING 1")
    theirs = {subscription["id"] for subscription in hooked.twitch.subscriptions()}
    reconcile(hooked.services)
    reconcile(hooked.with_settings(twitch_eventsub="websocket").services)
    assert {one["id"] for one in hooked.twitch.subscriptions()} == theirs


@pytest.mark.parametrize("then", ["webhook", "websocket"])
@pytest.mark.parametrize("from_older", [True, False], ids=["by their ids", "by their address"])
def test_subscriptions_of_an_earlier_address_are_removed(
    hooked: Installation, then: str, from_older: bool
) -> None:
    """Also the one for the app as a whole, and where the listener has already replaced the ids."""
    elsewhere = hooked.with_settings(oauth_base_url="https://elsewhere.example")
    reconcile(elsewhere.services)
    forgotten = "twitch_callbacks" if from_older else "twitch_subscriptions"
    hooked.rows(f"DELETE FROM {forgotten} RETURNING 1")
    reconcile(hooked.with_settings(twitch_eventsub=then).services)
    left = {subscription["transport"]["callback"] for subscription in hooked.twitch.subscriptions()}
    assert left == ({callback_of(hooked.services.settings)} if then == "webhook" else set())


# -- another clock, and another way ---------------------------------------------------------------


@pytest.mark.parametrize("minutes", [-60 * 24, -11, 11, 60 * 24])
def test_events_are_taken_whatever_our_clock_says(
    installation: Installation, minutes: float
) -> None:
    installation.clock.forward(minutes=minutes)
    fresh, old = -60 * minutes, -60 * minutes - 660
    assert deliver(installation, CHAT, chat(), seconds=fresh).json == {"status": "stored"}
    assert deliver(installation, CHAT, chat(), seconds=old).status_code == 403


def test_time_is_asked_for_if_only_our_clock_speaks_against_it(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a web process that has not asked Twitch anything yet."""
    client = client_of(installation.services.settings)
    monkeypatch.setattr(client._wire, "time", RemoteClock())
    installation.clock.forward(minutes=11)
    assert deliver(installation, CHAT, chat(), seconds=-660).json == {"status": "stored"}


def test_unclear_age_is_sent_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    away = installation.with_settings(twitch_auth_url="http://127.0.0.1:9/oauth2")
    away.clock.forward(minutes=11)
    assert deliver(away, CHAT, chat(), seconds=-660).status_code == 503
    assert deliver(away, CHAT, chat()).json == {"status": "stored"}


WAYS = ("old-address", "new-address")


@pytest.mark.parametrize(
    ("kind", "event"),
    [
        ("channel.cheer", someone(bits=100, message="Cheer100")),
        ("channel.subscription.gift", someone(total=2, tier="1000", cumulative_total=None)),
        ("channel.subscribe", someone(tier="1000", is_gift=True)),
        ("channel.subscribe", someone(tier="1000", is_gift=False)),
        ("channel.subscription.message", someone(tier="1000", cumulative_months=3)),
        ("channel.vip.add", someone()),
        (
            "channel.raid",
            {
                "from_broadcaster_user_id": "77",
                "to_broadcaster_user_id": str(NORA),
                "viewers": 5,
            },
        ),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_an_event_that_comes_by_two_subscriptions_counts_once(
    installation: Installation, kind: str, event: dict[str, object]
) -> None:
    """And one that happens twice, twice, where Twitch allows that."""

    def come(via: str, message_id: str) -> None:
        subscription = {"id": via, "type": kind, "status": "enabled"}
        deliver(installation, kind, event, message_id=message_id, subscription=subscription)

    def seen() -> int:
        worker = Worker(
            installation.services.database, TWITCH.translates, {}, installation.services.clock
        )
        while worker.work_once():
            pass
        found = installation.rows("SELECT count(*) FROM inbox_events WHERE delivery IS NOT NULL")
        return int(found[0][0])

    come(WAYS[0], "m1")
    once = seen()
    assert once == (2 if kind == "channel.subscription.gift" else 1)
    come(WAYS[1], "m2")
    assert seen() == once
    come(WAYS[1], "m3")
    come(WAYS[0], "m4")
    twice = 2 * once if kind not in ONCE_A_DAY else once
    if (kind, event.get("is_gift")) == ("channel.subscribe", True):
        twice = 2 * once
    assert seen() == twice


ONCE_A_DAY = ("channel.subscribe", "channel.subscription.message")


def test_new_secret_replaces_the_subscriptions(hooked: Installation) -> None:
    def made() -> set[str]:
        found = hooked.twitch.subscriptions()
        return {one["id"] for one in found if one["type"] != REVOKED}

    reconcile(hooked.services)
    before = made()
    key = SecretStr("another key, long enough")
    reconcile(hooked.with_settings(flask_secret_key=key).services)
    assert not before & made()
    assert len(made()) == len(before)


def test_channel_that_nobody_follows_is_unsubscribed(hooked: Installation) -> None:
    reconcile(hooked.services)
    hooked.rows("DELETE FROM guild_channels WHERE guild_id = :g RETURNING 1", g=GUILD)
    reconcile(hooked.services)
    assert kinds(hooked) == ["user.authorization.revoke"]


def test_missing_permission_is_named_and_the_rest_works(hooked: Installation) -> None:
    sql = "UPDATE twitch_accounts SET scopes = :scopes RETURNING 1"
    hooked.rows(sql, scopes=["user:read:chat", "user:bot", "channel:bot"])
    reconcile(hooked.services)
    with hooked.services.database.begin() as tx:
        troubles = {
            subscription.kind: subscription.trouble
            for subscription in store.list_subscriptions(tx, NORA)
        }
    assert troubles["channel.cheer"] == "The streamer has not allowed: View cheers."
    assert troubles[CHAT] is None
