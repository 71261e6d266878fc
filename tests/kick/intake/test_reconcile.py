"""Exactly one subscription of each kind for each followed channel, whatever Kick has."""

import json
from collections import Counter
from collections.abc import Mapping
from contextlib import nullcontext
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import Connection
from werkzeug import Request, Response

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.bodies import CHAT, WEBHOOK_KINDS
from core.kick.client import client_of
from core.kick.health import check_deliveries
from core.kick.intake import store
from core.kick.intake.reconcile import LIMIT_REACHED, reconcile, reconcile_channel
from core.kick.intake.records import WebhookSubscription
from core.kick.intake.rules import MONEY
from core.kick.wire import KickRejected
from core.kit.database.connection import Database
from core.kit.errors import Outage
from core.kit.health_item import HealthItem
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from sandbox.kick.driver import KickDriver
from tests.kick.intake.conftest import ServicesFor
from tests.kick.rig import NOON, NORA, VERA, StandingClock, follow, settings

ONE_OF_EACH = Counter(WEBHOOK_KINDS)


def at_kick(kick: KickDriver, channel: int = NORA) -> Counter[str]:
    """Kind -> how many subscriptions Kick has for the channel."""
    found = kick.state()["webhooks"]["subscriptions"]
    return Counter(one["event"] for one in found if one["broadcaster_user_id"] == channel)


def known(services: Services, channel: int = NORA) -> dict[str, WebhookSubscription]:
    with services.database.begin() as tx:
        return {
            subscription.kind: subscription
            for subscription in store.list_subscriptions(tx, channel)
        }


def authorities(services: Services, channel: int = NORA) -> dict[str, Any]:
    with services.database.begin() as tx:
        return dict(store.list_authorities(tx, channel))


def part(services: Services, guild_id: int, name: str = "Kick subscriptions") -> HealthItem:
    with services.database.begin() as tx:
        parts = check_deliveries(tx, services.clock())
    return next(one for one in parts if (one.name, one.guild_id) == (name, guild_id))


def test_all_kinds_are_subscribed_and_their_ids_stored(
    services: Services, kick: KickDriver, guild_id: int
) -> None:
    reconcile(services)
    assert at_kick(kick) == ONE_OF_EACH
    ids = {
        subscription["event"]: subscription["id"]
        for subscription in kick.state()["webhooks"]["subscriptions"]
    }
    assert {kind: one.subscription_id for kind, one in known(services).items()} == ids
    assert all(one.checked_at == NOON and one.trouble is None for one in known(services).values())
    assert part(services, guild_id) == HealthItem(
        "Kick subscriptions", "ok", "All 10 active.", 0.0, guild_id
    )


def test_repeated_reconcile_changes_nothing(services: Services, kick: KickDriver) -> None:
    reconcile(services)
    before = kick.state()["webhooks"]["subscriptions"]
    for _ in range(2):
        reconcile(services)
    reconcile_channel(services, NORA)
    assert kick.state()["webhooks"]["subscriptions"] == before


def test_duplicate_and_unfollowed_subscriptions_are_deleted_in_batches(
    services: Services, kick: KickDriver
) -> None:
    reconcile(services)
    ids = {one.subscription_id for one in known(services).values()}
    client = client_of(services.settings)
    for _ in range(17):
        client.subscribe(NORA, WEBHOOK_KINDS)
        client.subscribe(VERA, WEBHOOK_KINDS)
    assert len(client.list_subscriptions()) == 350
    reconcile(services)
    left = client.list_subscriptions()
    assert {one.id for one in left} == ids, "the known ones stay"
    assert at_kick(kick) == ONE_OF_EACH


def test_oldest_of_unknown_duplicates_is_kept(services: Services, kick: KickDriver) -> None:
    client = client_of(services.settings)
    first, _errors = client.subscribe(NORA, [CHAT])
    client.subscribe(NORA, [CHAT])
    reconcile(services)
    assert known(services)[CHAT].subscription_id == first[CHAT]
    assert at_kick(kick) == ONE_OF_EACH


def test_known_one_of_duplicates_is_kept_even_if_it_is_newer(
    services: Services, kick: KickDriver
) -> None:
    client = client_of(services.settings)
    client.subscribe(NORA, [CHAT])
    second, _errors = client.subscribe(NORA, [CHAT])
    with services.database.begin() as tx:
        store.set_subscriptions(tx, NORA, second, {}, NOON)
    reconcile(services)
    assert known(services)[CHAT].subscription_id == second[CHAT]
    assert at_kick(kick) == ONE_OF_EACH


def test_unfollowed_channel_is_unsubscribed(
    services: Services, clean: Database, kick: KickDriver, guild_id: int
) -> None:
    reconcile(services)
    follow(clean, guild_id, VERA, "veraspins")
    reconcile(services)
    assert at_kick(kick, NORA) == Counter()
    assert at_kick(kick, VERA) == ONE_OF_EACH
    assert known(services, NORA) == authorities(services, NORA) == {}


def test_nothing_is_deleted_while_no_channel_is_followed(
    services_for: ServicesFor, kick: KickDriver
) -> None:
    """A new installation on an empty database must not deafen the old one."""
    services = services_for()
    client_of(services.settings).subscribe(NORA, [CHAT])
    reconcile(services)
    assert at_kick(kick) == Counter([CHAT])


def test_dropped_subscription_is_restored(services: Services, kick: KickDriver) -> None:
    reconcile(services)
    gone = known(services)["kicks.gifted"].subscription_id
    assert gone is not None
    client_of(services.settings).unsubscribe([gone])
    reconcile(services)
    assert at_kick(kick) == ONE_OF_EACH
    assert known(services)["kicks.gifted"].subscription_id not in (None, gone)


def test_rejected_kind_is_reported_and_others_are_subscribed(
    services: Services, kick: KickDriver, guild_id: int
) -> None:
    kick.fault(subscriptions__item_error=1)
    reconcile(services)
    ((kind, one),) = [(k, v) for k, v in known(services).items() if v.subscription_id is None]
    assert one.trouble == "Kick declined: internal error."
    assert at_kick(kick) == ONE_OF_EACH - Counter([kind])
    told = part(services, guild_id)
    assert (told.state, told.guild_id) == ("warn", guild_id)
    assert "internal error" in told.reason
    assert kind in told.reason
    reconcile(services)
    assert part(services, guild_id).state == "ok"


def test_app_limit_is_explained_and_affects_only_chat(
    services: Services, kick: KickDriver, guild_id: int
) -> None:
    kick.fault(subscriptions__chat_limit=0)
    reconcile(services)
    assert known(services)[CHAT].trouble == LIMIT_REACHED
    assert at_kick(kick) == ONE_OF_EACH - Counter([CHAT])
    assert "developers@kick.com" in part(services, guild_id).reason
    kick.reset_faults()
    reconcile(services)
    assert at_kick(kick) == ONE_OF_EACH


@pytest.mark.parametrize("trouble", [400, 500])
def test_failure_of_one_channel_does_not_stop_the_others(
    trouble: int,
    httpserver: HTTPServer,
    clean: Database,
    clock: StandingClock,
    guild_id: int,
    other_guild_id: int,
) -> None:
    asked = answering(httpserver, {NORA: trouble})
    services = Services(at_server(httpserver), clean, LocalBus(), clock)
    follow(clean, guild_id, NORA)
    follow(clean, other_guild_id, VERA, "veraspins")
    reconcile(services)
    assert asked == [NORA, VERA]
    assert part(services, guild_id).state == "warn"
    assert part(services, other_guild_id).state == "ok"


@pytest.mark.parametrize(
    ("failing", "maximum", "gives_up"),
    [((NORA, VERA), 2, True), ((NORA, VERA), 3, False), ((VERA,), 2, False), ((VERA,), 1, True)],
)
def test_several_failures_in_a_row_end_the_reconcile(
    failing: tuple[int, ...],
    maximum: int,
    gives_up: bool,
    httpserver: HTTPServer,
    clean: Database,
    clock: StandingClock,
    guild_id: int,
    other_guild_id: int,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("core.kick.intake.reconcile.GIVE_UP_AFTER", maximum)
    answering(httpserver, dict.fromkeys(failing, 500))
    services = Services(at_server(httpserver), clean, LocalBus(), clock)
    follow(clean, guild_id, NORA)
    follow(clean, other_guild_id, VERA, "veraspins")
    with pytest.raises(Outage) if gives_up else nullcontext():
        reconcile(services)


def answering(httpserver: HTTPServer, failing: Mapping[int, int]) -> list[int]:
    """Kick, with these channels' answers to a new subscription; returns the channels that are
    subscribed to, as they come."""
    asked: list[int] = []

    def subscribe(request: Request) -> Response:
        body = request.get_json()
        channel_id = body["broadcaster_user_id"]
        asked.append(channel_id)
        if channel_id in failing:
            message = json.dumps({"data": None, "message": "Bad request"})
            return Response(message, failing[channel_id])
        made = [{"name": e["name"], "subscription_id": e["name"]} for e in body["events"]]
        return Response(json.dumps({"data": made}), content_type="application/json")

    path = "/public/v1/events/subscriptions"
    httpserver.expect_request("/oauth/token").respond_with_json(
        {"access_token": "t", "expires_in": 5_184_000}
    )
    httpserver.expect_request(path, method="GET").respond_with_json({"data": []})
    httpserver.expect_request(path, method="POST").respond_with_handler(subscribe)
    return asked


def at_server(httpserver: HTTPServer) -> Settings:
    url = httpserver.url_for("").rstrip("/")
    return settings(
        kick_api_url=url, kick_auth_url=url, kick_client_id="id", kick_client_secret="secret"
    )


def test_unavailable_kick_is_an_outage(services: Services, kick: KickDriver) -> None:
    kick.fault(api__500=1)
    with pytest.raises(Outage):
        reconcile(services)


def test_rejected_app_credentials_are_reported(services_for: ServicesFor) -> None:
    with pytest.raises(KickRejected):
        reconcile(services_for(kick_client_secret="wrong"))


# -- authority ----------------------------------------------------------------------------------


def test_webhook_is_the_authority_where_subscribed(services: Services) -> None:
    reconcile(services)
    assert authorities(services) == dict.fromkeys(WEBHOOK_KINDS, "webhook")


def test_feed_is_the_authority_for_payments_kick_does_not_deliver(
    services: Services, kick: KickDriver
) -> None:
    kick.fault(subscriptions__item_error=10)
    reconcile(services)
    feed = {kind for kind, whose in authorities(services).items() if whose == "feed"}
    assert feed == MONEY
    reconcile(services)
    assert set(authorities(services).values()) == {"webhook"}


def test_webhook_stays_the_authority_without_dual_mode(
    services: Services, services_for: ServicesFor, kick: KickDriver
) -> None:
    kick.fault(subscriptions__item_error=10)
    reconcile(services_for(use_dual_mode=False))
    assert set(authorities(services).values()) == {"webhook"}


def test_feed_can_be_the_authority_for_chat(services: Services, services_for: ServicesFor) -> None:
    reconcile(services_for(kick_use_kickpython_ws=True))
    feed = {kind for kind, whose in authorities(services).items() if whose == "feed"}
    assert feed == {CHAT, *MONEY}


def test_authority_does_not_change_during_a_stream(
    services: Services, kick: KickDriver, tx: Connection
) -> None:
    def seen(started_at: Any) -> None:
        with services.database.begin() as tx:
            store.set_status_checks(tx, {NORA: started_at}, NOON, NOON)

    reconcile(services)
    seen(NOON)
    client = client_of(services.settings)
    client.unsubscribe(subscription.id for subscription in client.list_subscriptions(NORA))
    kick.fault(subscriptions__item_error=10)
    reconcile(services)
    assert set(authorities(services).values()) == {"webhook"}
    seen(None)
    kick.fault(subscriptions__item_error=10)
    reconcile(services)
    assert {k for k, whose in authorities(services).items() if whose == "feed"} == MONEY


def test_two_servers_of_one_channel_have_the_same_status(
    services: Services, clean: Database, kick: KickDriver, guild_id: int, other_guild_id: int
) -> None:
    with clean.begin() as tx:
        guilds.set_channel(tx, Channel(other_guild_id, "kick", NORA, "noraplays"))
    reconcile(services)
    assert at_kick(kick) == ONE_OF_EACH
    assert part(services, guild_id).state == part(services, other_guild_id).state == "ok"
