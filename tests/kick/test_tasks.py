"""Reconciling the channel and its subscriptions, and polling who is live."""

import json
from datetime import datetime, timedelta
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from sqlalchemy import select
from werkzeug import Request, Response

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.inbox.records import deliveries
from core.kick import tasks
from core.kick.accounts.store import list_bot_ids
from core.kick.bodies import WEBHOOK_KINDS, parse
from core.kick.client import client_of
from core.kick.intake import store as intake
from core.kick.tasks import (
    MAX_AT_ONCE,
    TASKS,
    learn_own_account,
    poll_livestreams,
    tune_in,
)
from core.kick.wire import KickRejected
from core.kit.database.connection import Database
from core.kit.errors import Outage, Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.kit.tasks import TaskRunner
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.rig import NOON, NORA, VERA, StandingClock, follow, settings


def services_for(
    pretend: Sandbox, database: Database, clock: StandingClock, guild_id: int, **differs: Any
) -> Services:
    values = {k.lower(): v for k, v in pretend.env.items() if k.startswith("KICK_")}
    ours = settings(**values | {"discord_guild_id": guild_id} | differs)
    return Services(ours, database, LocalBus(), clock)


@pytest.fixture
def services(pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int) -> Services:
    return services_for(pretend, clean, clock, guild_id)


def subscriptions(kick: KickDriver) -> list[tuple[str, str]]:
    """(channel, event type) of every subscription at Kick; twice is twice."""
    found = kick.state()["webhooks"]["subscriptions"]
    return sorted((str(one["broadcaster_user_id"]), str(one["event"])) for one in found)


def status_checks(database: Database) -> list[Any]:
    with database.begin() as tx:
        return list(tx.execute(select(deliveries).order_by(deliveries.c.id)))


def test_kick_rejection_ends_with_one_full_stop(
    services: Services, monkeypatch: pytest.MonkeyPatch
) -> None:
    def rejected(_services: Services) -> None:
        raise KickRejected(401, "Client authentication failed.")

    for step in ("follow_environment", "reconcile", "look_up_missing"):
        monkeypatch.setattr(tasks, step, rejected)
    with pytest.raises(Refusal) as refused:
        tune_in(services)
    assert refused.value.what == "Kick answered 401: Client authentication failed."
    assert "KICK_CLIENT_SECRET" in refused.value.remedy


# -- tuning in ----------------------------------------------------------------------------------


def test_tune_in_follows_subscribes_and_learns_own_account(
    services: Services, kick: KickDriver, clean: Database, guild_id: int
) -> None:
    tune_in(services)
    learn_own_account(services)
    with clean.begin() as tx:
        assert guilds.find_channel(tx, guild_id, "kick") == Channel(
            guild_id, "kick", NORA, "noraplays"
        )
        ours = list_bot_ids(tx)
    token = services.settings.kick_bot_user_token
    assert token is not None
    account = client_of(services.settings).account_of(token.get_secret_value())
    assert ours == {account.kick_user_id}
    assert subscriptions(kick) == [(str(NORA), kind) for kind in sorted(WEBHOOK_KINDS)]


def test_repeated_tune_in_changes_nothing(services: Services, kick: KickDriver) -> None:
    """Kick allows the same subscription twice, and then delivers everything twice."""
    for _ in range(3):
        tune_in(services)
    assert subscriptions(kick) == [(str(NORA), kind) for kind in sorted(WEBHOOK_KINDS)]


def test_only_missing_kinds_are_subscribed(services: Services, kick: KickDriver) -> None:
    client_of(services.settings).subscribe(NORA, ["chat.message.sent", "channel.followed"])
    tune_in(services)
    assert subscriptions(kick) == [(str(NORA), kind) for kind in sorted(WEBHOOK_KINDS)]


def test_dropped_subscriptions_are_restored(services: Services, kick: KickDriver) -> None:
    tune_in(services)
    kick.app(webhooks_enabled=False)
    kick.app(webhooks_enabled=True)
    assert subscriptions(kick) == []
    tune_in(services)
    assert len(subscriptions(kick)) == len(WEBHOOK_KINDS)


def test_every_followed_channel_is_subscribed_once(
    services: Services, kick: KickDriver, clean: Database, other_guild_id: int
) -> None:
    follow(clean, other_guild_id, VERA, "veraspins")
    tune_in(services)
    assert {channel for channel, _kind in subscriptions(kick)} == {str(NORA), str(VERA)}
    follow(clean, other_guild_id, NORA)
    tune_in(services)
    assert subscriptions(kick) == [(str(NORA), kind) for kind in sorted(WEBHOOK_KINDS)]


@pytest.mark.parametrize("written", ["NoraPlays", "noraplays", "NORAPLAYS"])
def test_channel_setting_accepts_names_and_urls(
    pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int, written: str
) -> None:
    tune_in(services_for(pretend, clean, clock, guild_id, kick_channel=written))
    with clean.begin() as tx:
        found = guilds.find_channel(tx, guild_id, "kick")
    assert found is not None
    assert found.slug == "noraplays"


def test_underscore_in_a_name_becomes_a_hyphen_in_the_slug(
    pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int
) -> None:
    tune_in(services_for(pretend, clean, clock, guild_id, kick_channel="Tomas_TV"))
    with clean.begin() as tx:
        found = guilds.find_channel(tx, guild_id, "kick")
    assert found is not None
    assert found.slug == "tomas-tv"


def test_changed_channel_replaces_the_former(
    pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int
) -> None:
    for name, channel_id in (("NoraPlays", NORA), ("VeraSpins", VERA)):
        tune_in(services_for(pretend, clean, clock, guild_id, kick_channel=name))
        with clean.begin() as tx:
            assert [channel.channel_id for channel in guilds.list_channels(tx, "kick")] == [
                channel_id
            ]


def test_name_taken_by_another_account_is_not_followed(
    services: Services, kick: KickDriver, clean: Database, guild_id: int
) -> None:
    """KICK_CHANNEL still says the streamer's former name."""
    tune_in(services)
    kick.rename("nora", "NoraTV")
    tune_in(services)
    thief = kick.account("thief", "NoraPlays")
    tune_in(services)
    with clean.begin() as tx:
        found = guilds.find_channel(tx, guild_id, "kick")
    assert found is not None
    assert NORA == found.channel_id != thief
    assert {channel for channel, _kind in subscriptions(kick)} == {str(NORA)}


@pytest.mark.parametrize(
    ("differs", "words"),
    [
        ({"kick_client_id": None}, "KICK_CLIENT_ID and KICK_CLIENT_SECRET are not set"),
        ({"kick_client_secret": None}, "KICK_CLIENT_ID and KICK_CLIENT_SECRET are not set"),
        ({"kick_channel": None}, "KICK_CHANNEL and DISCORD_GUILD_ID are not set"),
        ({"discord_guild_id": None}, "KICK_CHANNEL and DISCORD_GUILD_ID are not set"),
        ({"kick_channel": "Nobody_Here"}, "no channel called “Nobody_Here”.*KICK_CHANNEL"),
        ({"kick_client_secret": "wrong"}, "Kick answered 401"),
    ],
)
def test_missing_or_invalid_settings_are_explained(
    pretend: Sandbox,
    clean: Database,
    clock: StandingClock,
    guild_id: int,
    differs: dict[str, Any],
    words: str,
) -> None:
    with pytest.raises(Refusal, match=words):
        tune_in(services_for(pretend, clean, clock, guild_id, **differs))


def test_intake_works_without_a_bot_account(
    pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int, kick: KickDriver
) -> None:
    ours = services_for(pretend, clean, clock, guild_id, kick_bot_user_token=None)
    tune_in(ours)
    learn_own_account(ours)
    assert len(subscriptions(kick)) == len(WEBHOOK_KINDS)
    with clean.begin() as tx:
        assert list_bot_ids(tx) == frozenset()


def test_expired_bot_token_is_reported_and_intake_continues(
    pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int, kick: KickDriver
) -> None:
    """Kick ends such a token after two hours."""
    ours = services_for(pretend, clean, clock, guild_id, kick_bot_user_token="worthless")
    tune_in(ours)
    assert len(subscriptions(kick)) == len(WEBHOOK_KINDS)
    runner = TaskRunner(ours, TASKS)
    runner.run_once(next(task for task in TASKS if task.run is learn_own_account))
    part, _all_tasks = runner.status()
    assert "KICK_BOT_USER_TOKEN" in part.reason
    assert "/connect_kick" in part.reason


def test_rejected_subscription_is_retried(services: Services, kick: KickDriver) -> None:
    kick.fault(subscriptions__item_error=1)
    tune_in(services)
    assert len(subscriptions(kick)) == len(WEBHOOK_KINDS) - 1
    tune_in(services)
    assert len(subscriptions(kick)) == len(WEBHOOK_KINDS)


def test_name_lookup_failure_does_not_delay_subscriptions(
    services: Services, kick: KickDriver, clean: Database, guild_id: int
) -> None:
    follow(clean, guild_id)
    kick.fault(api__500=1)
    with pytest.raises(Outage, match="Kick"):
        tune_in(services)
    assert len(subscriptions(kick)) == len(WEBHOOK_KINDS)


def test_unavailable_kick_is_an_outage(services: Services, kick: KickDriver) -> None:
    kick.fault(api__500=1)
    with pytest.raises(Outage, match="Kick"):
        tune_in(services)


# -- looking ------------------------------------------------------------------------------------


def test_polls_are_stored_as_deliveries(
    services: Services, kick: KickDriver, clean: Database, guild_id: int, other_guild_id: int
) -> None:
    follow(clean, guild_id)
    follow(clean, other_guild_id, VERA, "veraspins")
    kick.live(title="Slots", started_at="2026-05-01T10:00:00Z")
    poll_livestreams(services)
    nora, vera = status_checks(clean)
    assert (nora.source, nora.kind, nora.lane) == ("kick.poll", "poll.livestream", f"kick:{NORA}")
    assert nora.sent_at == NOON
    assert nora.body == {
        "broadcaster": {"user_id": NORA},
        "seen_at": NOON.isoformat(),
        "started_at": "2026-05-01T10:00:00+00:00",
        "title": "Slots",
    }
    assert vera.lane == f"kick:{VERA}"
    assert (vera.body["started_at"], vera.body["title"]) == (None, None)
    for row in (nora, vera):
        parse(row.kind, row.body)


def test_renamed_channel_gets_its_new_name(
    services: Services, kick: KickDriver, clean: Database, guild_id: int, other_guild_id: int
) -> None:
    """Its addresses at Kick's website are made of it, and nobody should have to tell us."""
    follow(clean, guild_id)
    follow(clean, other_guild_id, VERA, "veraspins")
    slug = kick.rename("nora", "Nora_TV")
    kick.live()
    poll_livestreams(services)
    with clean.begin() as tx:
        found = {channel.guild_id: channel.slug for channel in guilds.list_channels(tx, "kick")}
    assert found == {guild_id: slug, other_guild_id: "veraspins"}
    assert slug == "nora-tv"


def test_every_poll_is_a_separate_delivery(
    services: Services, clean: Database, clock: StandingClock, guild_id: int
) -> None:
    follow(clean, guild_id)
    poll_livestreams(services)
    poll_livestreams(services)
    clock.forward(seconds=60)
    poll_livestreams(services)
    assert [row.sent_at for row in status_checks(clean)] == [NOON, NOON.replace(minute=1)]


def test_channel_is_watched_since_the_last_gap_between_polls(
    services: Services, clean: Database, clock: StandingClock, guild_id: int
) -> None:
    follow(clean, guild_id)
    since = list[datetime]()
    for minutes in (0, 1, 60):
        clock.forward(minutes=minutes)
        poll_livestreams(services)
        with clean.begin() as tx:
            since.append(intake.list_status_checks(tx)[NORA].watched_since)
    assert since == [NOON, NOON, NOON + timedelta(minutes=61)]


def test_two_servers_of_one_channel_share_one_poll(
    services: Services, clean: Database, guild_id: int, other_guild_id: int
) -> None:
    follow(clean, guild_id)
    follow(clean, other_guild_id)
    poll_livestreams(services)
    assert len(status_checks(clean)) == 1


def test_no_channel_means_no_request(services: Services, clean: Database, kick: KickDriver) -> None:
    kick.fault(api__500=1)
    poll_livestreams(services)
    assert status_checks(clean) == []


def test_failed_poll_stores_nothing(
    services: Services, clean: Database, kick: KickDriver, guild_id: int
) -> None:
    """To take an outage for "offline" would end everybody's watchtime."""
    follow(clean, guild_id)
    kick.fault(api__500=1)
    with pytest.raises(Outage):
        poll_livestreams(services)
    assert status_checks(clean) == []


def test_missing_credentials_are_reported(
    pretend: Sandbox, clean: Database, clock: StandingClock, guild_id: int
) -> None:
    follow(clean, guild_id)
    with pytest.raises(Refusal, match="KICK_CLIENT_ID"):
        poll_livestreams(services_for(pretend, clean, clock, guild_id, kick_client_id=None))


def test_many_channels_are_polled_in_batches(
    httpserver: HTTPServer, clean: Database, clock: StandingClock
) -> None:
    url = httpserver.url_for("").rstrip("/")
    asked: list[list[str]] = []

    def livestreams(request: Request) -> Response:
        ids = request.args.getlist("user_id")
        asked.append(ids)
        live = {
            "broadcaster_user": {"id": int(ids[0])},
            "started_at": "2026-05-01T10:00:00Z",
            "title": None,
        }
        return Response(json.dumps({"data": [live]}), content_type="application/json")

    httpserver.expect_request("/oauth/token").respond_with_json(
        {"access_token": "app-token", "expires_in": 5_184_000}
    )
    httpserver.expect_request("/public/v1/users/livestreams").respond_with_handler(livestreams)
    with clean.begin() as tx:
        for number in range(2 * MAX_AT_ONCE + 1):
            guilds.set_guild(tx, 5000 + number, f"server {number}")
            guilds.set_channel(tx, Channel(5000 + number, "kick", 100 + number, f"c{number}"))
    ours = settings(
        kick_api_url=url, kick_auth_url=url, kick_client_id="id", kick_client_secret="secret"
    )
    poll_livestreams(Services(ours, clean, LocalBus(), clock))

    assert [len(slice_) for slice_ in asked] == [100, 100, 1]
    rows = status_checks(clean)
    assert len(rows) == 201
    live = [row.body["broadcaster"]["user_id"] for row in rows if row.body["started_at"]]
    assert live == [100, 200, 300]
    assert datetime.fromisoformat(rows[0].body["seen_at"]) == NOON
