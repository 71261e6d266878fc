"""`POST /webhooks/twitch`: only what Twitch signed lately is stored, and once."""

import pytest
from pydantic import SecretStr

from core.twitch import store
from core.twitch.bodies import KINDS, REVOKED
from core.twitch.eventsub.missed import resync_webhooks
from core.twitch.eventsub.reconcile import place_of, reconcile
from tests.conftest import GUILD
from tests.twitch.rig import NORA, Office, chat, deliver, someone

CHAT = "channel.chat.message"


@pytest.fixture(autouse=True)
def connected(office: Office) -> None:
    office.connect()


@pytest.mark.parametrize("path", ["/webhooks/twitch", "/api/webhooks/eventsub"])
def test_event_is_stored(office: Office, path: str) -> None:
    answer = deliver(office, CHAT, chat(), path=path, message_id="m1")
    assert (answer.status_code, answer.json) == (200, {"status": "stored"})
    assert office.stored() == [(CHAT, "m1")]


def test_repetition_is_stored_once(office: Office) -> None:
    event = chat()
    deliver(office, CHAT, event, message_id="m1")
    assert deliver(office, CHAT, event, message_id="m1").json == {"status": "seen"}
    assert len(office.stored()) == 1


def test_challenge_is_answered_as_plain_text(office: Office) -> None:
    answer = deliver(
        office,
        CHAT,
        None,
        message_type="webhook_callback_verification",
        challenge="pogchamp-kappa",
    )
    assert (answer.status_code, answer.text) == (200, "pogchamp-kappa")
    assert answer.mimetype == "text/plain"


def test_forged_signature_is_refused(office: Office) -> None:
    answer = deliver(office, CHAT, chat(), secret="another secret")
    assert answer.status_code == 403
    assert office.stored() == []


def test_challenge_with_a_forged_signature_is_refused(office: Office) -> None:
    kind = "webhook_callback_verification"
    answer = deliver(office, CHAT, None, message_type=kind, challenge="x", secret="other")
    assert answer.status_code == 403


@pytest.mark.parametrize(("seconds", "status"), [(-590, 200), (-610, 403), (590, 200), (610, 403)])
def test_ten_minutes_are_the_limit(office: Office, seconds: float, status: int) -> None:
    assert deliver(office, CHAT, chat(), seconds=seconds).status_code == status


def test_unknown_type_and_foreign_channel_are_acknowledged(office: Office) -> None:
    assert deliver(office, "channel.hype_train.begin", someone()).json == {"status": "ignored"}
    foreign = chat(broadcaster_user_id="999")
    assert deliver(office, CHAT, foreign).json == {"status": "ignored"}
    assert office.stored() == []


@pytest.mark.parametrize("event", [{}, {"broadcaster_user_id": "x"}, [], "text", None])
def test_body_that_does_not_fit_is_declined(office: Office, event: object) -> None:
    answer = deliver(office, CHAT, event or {})  # type: ignore[arg-type]
    assert answer.status_code == 422
    assert office.stored() == []


def test_missing_headers_and_bodies_are_declined(office: Office) -> None:
    browser = office.browser()
    assert browser.post("/webhooks/twitch", data=b"{}").status_code == 400
    assert browser.post("/webhooks/twitch", data=b"x" * 1_000_001).status_code == 413


def test_revoked_subscription_is_shown_and_made_again(office: Office) -> None:
    with office.services.database.begin() as tx:
        now = office.clock()
        store.set_subscription(tx, NORA, CHAT, now, subscription_id="s1", place="here")
    subscription = {"id": "s1", "type": CHAT, "status": "notification_failures_exceeded"}
    answer = deliver(office, CHAT, None, message_type="revocation", subscription=subscription)
    assert answer.json == {"status": "revoked"}
    with office.services.database.begin() as tx:
        [one] = store.list_subscriptions(tx, NORA)
    assert one.subscription_id is None
    assert one.trouble == "Twitch ended it: Twitch could not reach this server too often."


# -- subscriptions by webhook ---------------------------------------------------------------------


@pytest.fixture
def hooked(office: Office) -> Office:
    """Webhooks to a server that the pretend Twitch cannot reach: only what is subscribed counts."""
    return office.with_settings(twitch_eventsub="webhook")


def kinds(office: Office) -> list[str]:
    return sorted(one["type"] for one in office.twitch.subscriptions())


def test_every_type_is_subscribed_once(hooked: Office) -> None:
    reconcile(hooked.services)
    first = kinds(hooked)
    assert CHAT in first
    assert "user.authorization.revoke" in first
    assert len(first) == len(set(first)) == len(KINDS) + 1
    with hooked.services.database.begin() as tx:
        known = store.list_subscriptions(tx, NORA)
    assert {one.place for one in known} == {place_of(hooked.services.settings)}
    assert all(one.trouble is None for one in known)


def test_what_is_lost_is_made_again_and_nothing_twice(hooked: Office) -> None:
    reconcile(hooked.services)
    before = kinds(hooked)
    hooked.twitch.do("lose_subscription", type="channel.raid")
    # Those whose challenge failed are made again as well: the receiver is not there.
    reconcile(hooked.services)
    assert kinds(hooked) == before


def missed(office: Office) -> int:
    sql = "SELECT count(*) FROM inbox_deliveries WHERE kind = 'EventsMissed'"
    return int(office.rows(sql)[0][0])


def test_new_subscriptions_and_starts_are_told_as_gaps(hooked: Office) -> None:
    reconcile(hooked.services)
    assert missed(hooked) == 1
    hooked.twitch.do("lose_subscription", type="channel.raid")
    reconcile(hooked.services)
    assert missed(hooked) == 2
    resync_webhooks(hooked.services)
    assert missed(hooked) == 3
    resync_webhooks(hooked.with_settings(twitch_eventsub="websocket").services)
    assert missed(hooked) == 3


def test_other_callbacks_are_never_touched(hooked: Office) -> None:
    elsewhere = hooked.with_settings(oauth_base_url="https://elsewhere.example")
    reconcile(elsewhere.services)
    theirs = {one["id"] for one in hooked.twitch.subscriptions()}
    reconcile(hooked.services)
    reconcile(hooked.with_settings(twitch_eventsub="websocket").services)
    assert {one["id"] for one in hooked.twitch.subscriptions()} == theirs


def test_new_secret_replaces_the_subscriptions(hooked: Office) -> None:
    def made() -> set[str]:
        found = hooked.twitch.subscriptions()
        return {one["id"] for one in found if one["type"] != REVOKED}

    reconcile(hooked.services)
    before = made()
    key = SecretStr("another key, long enough")
    reconcile(hooked.with_settings(flask_secret_key=key).services)
    assert not before & made()
    assert len(made()) == len(before)


def test_channel_that_nobody_follows_is_unsubscribed(hooked: Office) -> None:
    reconcile(hooked.services)
    hooked.rows("DELETE FROM guild_channels WHERE guild_id = :g RETURNING 1", g=GUILD)
    reconcile(hooked.services)
    assert kinds(hooked) == ["user.authorization.revoke"]


def test_missing_permission_is_named_and_the_rest_works(hooked: Office) -> None:
    sql = "UPDATE twitch_accounts SET scopes = :scopes RETURNING 1"
    hooked.rows(sql, scopes=["user:read:chat", "user:bot", "channel:bot"])
    reconcile(hooked.services)
    with hooked.services.database.begin() as tx:
        troubles = {one.kind: one.trouble for one in store.list_subscriptions(tx, NORA)}
    assert troubles["channel.cheer"] == "The streamer has not allowed: Seeing cheers."
    assert troubles[CHAT] is None
