"""EventSub by WebSocket, over real sockets."""

import threading
import time
from dataclasses import replace

import pytest
import requests
from pydantic import SecretStr

from core.kit.database.connection import Database
from core.kit.errors import StartError
from core.kit.health_item import NOT_USED, HealthItem
from core.kit.runtime.settings import Settings
from core.twitch import store
from core.twitch.bodies import KINDS
from core.twitch.eventsub import listener
from core.twitch.eventsub.__main__ import run
from core.twitch.eventsub.socket import SocketTiming
from sandbox.twitch.models import EVENT_TYPES
from tests.conftest import GUILD, OTHER_GUILD
from tests.patience import until
from tests.ports import free_port
from tests.twitch.rig import NORA, Installation, chat

CHAT = "channel.chat.message"


def subscribed(installation: Installation, maximum: int = len(KINDS)) -> None:
    """Until everything is."""
    installation.twitch.wait_for(lambda found: len(found) == maximum)


def lines(installation: Installation) -> list[str]:
    sql = "SELECT body->'message'->>'text' FROM inbox_deliveries WHERE kind = :kind ORDER BY id"
    return [text for (text,) in installation.rows(sql, kind=CHAT)]


def heard(installation: Installation, *wanted: str) -> None:
    until(lambda: lines(installation) == list(wanted), f"{wanted}, but {lines(installation)}")


def test_events_are_stored(installation: Installation) -> None:
    installation.connect()
    with installation.listening():
        subscribed(installation)
        installation.twitch.chat("mia", "hello")
        installation.twitch.live()
        installation.twitch.gift("leo", ["mia"])
        until(lambda: len(installation.stored()) == 4, "chat, live, gift and giftee")
    kinds = [kind for kind, _id in installation.stored()]
    gifts = ["channel.subscription.gift", "channel.subscribe"]
    assert kinds == [CHAT, "stream.online", *gifts]


def test_state_is_shown(installation: Installation) -> None:
    installation.connect()

    def is_ok() -> bool:
        with installation.services.database.begin() as tx:
            state = store.find_socket(tx, NORA, installation.clock())
        return state is not None and state.is_ok

    with installation.listening() as listening:
        until(is_ok, "the socket is up")
        [item] = listening.status()
        assert (item.state, item.reason) == ("ok", "1 of 1 connected.")


def test_unchanged_state_is_not_written_again(installation: Installation) -> None:
    installation.connect()
    checked = "SELECT is_ok, checked_at FROM twitch_sockets"
    with installation.listening():
        subscribed(installation)
        until(lambda: [ok for ok, _at in installation.rows(checked)] == [True], "the socket is up")
        before = installation.rows(checked)
        installation.twitch.chat("mia", "meanwhile")
        heard(installation, "meanwhile")
        time.sleep(0.5)  # ten updates
        assert installation.rows(checked) == before
        installation.twitch.fault(socket__refuse=3)
        installation.twitch.do("drop_sockets", code=4000)
        until(lambda: installation.rows(checked) != before, "the change is written")


def test_move_to_another_connection_loses_and_repeats_nothing(installation: Installation) -> None:
    installation.connect()
    with installation.listening():
        subscribed(installation)
        before = {subscription["id"] for subscription in installation.twitch.subscriptions()}
        installation.twitch.chat("mia", "before")
        first = installation.twitch.state()["eventsub"]["sockets"][0]["id"]
        assert installation.twitch.do("move_sockets") == {"count": 1}
        until(lambda: first not in str(installation.twitch.state()["eventsub"]["sockets"]), "moved")
        installation.twitch.chat("mia", "after")
        heard(installation, "before", "after")
        assert {one["id"] for one in installation.twitch.subscriptions()} == before


@pytest.mark.parametrize("code", [4000, 4003, 4005, 4007, None])
def test_lost_connection_is_opened_and_subscribed_again(
    installation: Installation, code: int | None
) -> None:
    installation.connect()
    with installation.listening():
        subscribed(installation)
        before = {subscription["id"] for subscription in installation.twitch.subscriptions()}
        installation.twitch.do("drop_sockets", code=code)
        installation.twitch.wait_for(
            lambda found: len(found) == len(KINDS) and not before & {one["id"] for one in found}
        )
        installation.twitch.chat("mia", "again")
        heard(installation, "again")


def test_each_gap_is_told_once_to_every_server(installation: Installation) -> None:
    installation.connect()
    installation.connect(guild_id=OTHER_GUILD)

    def told() -> list[tuple[str, str | None]]:
        own = "SELECT lane, body->>'since' FROM inbox_deliveries WHERE kind = 'EventsMissed'"
        return [(lane, since) for lane, since in installation.rows(f"{own} ORDER BY id")]

    both = {f"own:{GUILD}", f"own:{OTHER_GUILD}"}
    with installation.listening():
        until(lambda: len(told()) == 2, "the first connection is told")
        assert {lane for lane, _since in told()} == both
        assert {since for _lane, since in told()} == {None}
        installation.twitch.chat("mia", "before")
        heard(installation, "before")
        installation.twitch.do("move_sockets")
        installation.twitch.chat("mia", "moved without a gap")
        heard(installation, "before", "moved without a gap")
        assert len(told()) == 2
        installation.twitch.do("drop_sockets", code=4000)
        until(lambda: len(told()) == 4, "the gap is told")
        assert all(since is not None for _lane, since in told()[2:])


def test_silence_ends_the_connection(installation: Installation) -> None:
    installation.connect()
    impatient = SocketTiming(keepalive=10, slack=-9.5, connect=5, pause_factor=0.01)
    with installation.listening(impatient):
        subscribed(installation)
        before = installation.twitch.state()["eventsub"]["sockets"]
        installation.twitch.fault(socket__silent=True)
        until(lambda: installation.twitch.state()["eventsub"]["sockets"] != before, "opened again")
        installation.twitch.fault(socket__silent=False)
        subscribed(installation)


def test_repeated_event_is_stored_once(installation: Installation) -> None:
    installation.connect()
    with installation.listening():
        subscribed(installation)
        installation.twitch.fault(event__duplicate=1)
        installation.twitch.chat("mia", "once")
        installation.twitch.chat("mia", "then")
        heard(installation, "once", "then")


def test_type_that_fails_does_not_end_the_others(installation: Installation) -> None:
    installation.connect()
    installation.twitch.fault(api__only="eventsub", api__409=1)
    with installation.listening():
        subscribed(installation, len(KINDS) - 1)

        def troubles() -> int:
            with installation.services.database.begin() as tx:
                return sum(
                    bool(subscription.trouble)
                    for subscription in store.list_subscriptions(tx, NORA)
                )

        until(lambda: troubles() == 1, "the one that failed is named")


def test_type_that_twitch_does_not_support_does_not_end_the_others(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delitem(EVENT_TYPES, "channel.raid")
    installation.connect()
    with installation.listening():
        subscribed(installation, len(KINDS) - 1)
        installation.twitch.chat("mia", "still here")
        heard(installation, "still here")

        def trouble() -> str:
            with installation.services.database.begin() as tx:
                found = {
                    subscription.kind: subscription.trouble
                    for subscription in store.list_subscriptions(tx, NORA)
                }
            return found["channel.raid"] or ""

        until(lambda: "type and version" in trouble(), "the reason is shown")


def test_subscription_that_twitch_ends_is_made_again(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.0)
    installation.connect()
    with installation.listening():
        subscribed(installation)
        before = {subscription["id"] for subscription in installation.twitch.subscriptions()}
        installation.twitch.do("end_subscription", type=CHAT, status="version_removed")
        installation.twitch.wait_for(
            lambda found: len(found) == len(KINDS) and {one["id"] for one in found} != before
        )
        installation.twitch.chat("mia", "still here")
        heard(installation, "still here")


def test_subscription_whose_answer_was_lost_is_found(
    installation: Installation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listener, "RETRY_SECONDS", 0.0)
    installation.connect()
    installation.twitch.fault(api__only="eventsub", api__lost_answer=1)

    def is_known() -> bool:
        with installation.services.database.begin() as tx:
            known = store.list_subscriptions(tx, NORA)
        return len(known) == len(KINDS) and all(one.subscription_id for one in known)

    with installation.listening():
        until(is_known, "every subscription is known")
        assert len(installation.twitch.subscriptions()) == len(KINDS)


def test_renewed_token_of_another_server_keeps_the_socket(installation: Installation) -> None:
    installation.connect("nora")
    installation.connect("nora", guild_id=OTHER_GUILD)
    with installation.listening():
        subscribed(installation)
        before = installation.twitch.state()["eventsub"]["sockets"]
        renewed = "UPDATE twitch_accounts SET refreshed_at = now() WHERE guild_id = :g RETURNING 1"
        installation.rows(renewed, g=GUILD)
        installation.twitch.chat("mia", "meanwhile")
        heard(installation, "meanwhile")
        time.sleep(0.5)  # ten updates
        assert installation.twitch.state()["eventsub"]["sockets"] == before


def test_event_of_a_foreign_channel_is_dropped(installation: Installation) -> None:
    installation.connect()
    with installation.listening():
        subscribed(installation)
        foreign = chat("foreign", broadcaster_user_id="5100007")
        installation.twitch.do("publish", type=CHAT, event=foreign)
        installation.twitch.chat("mia", "ours")
        heard(installation, "ours")


def test_dead_token_of_one_channel_leaves_the_other(installation: Installation) -> None:
    installation.connect("nora")
    installation.connect("vera", guild_id=OTHER_GUILD)
    with installation.listening():
        subscribed(installation, 2 * len(KINDS))
        installation.twitch.do("remove_app", person="nora")
        until(lambda: installation.twitch.state()["eventsub"]["sockets"], "sockets")
        installation.twitch.chat("mia", "in Vera's chat", channel="vera")
        heard(installation, "in Vera's chat")


def test_two_servers_on_one_channel_need_one_socket(installation: Installation) -> None:
    installation.connect("nora")
    installation.connect("nora", guild_id=OTHER_GUILD)
    with installation.listening():
        subscribed(installation)
        installation.twitch.chat("mia", "for both")
        heard(installation, "for both")
        assert len(installation.twitch.state()["eventsub"]["sockets"]) == 1


def test_connecting_while_listening_is_noticed(installation: Installation) -> None:
    with installation.listening() as listening:
        until(lambda: "0 of 0" in listening.status()[0].reason, "listening to nothing")
        installation.connect()
        subscribed(installation)


def test_only_one_process_listens(installation: Installation, postgres_url: str) -> None:
    installation.connect()
    other = replace(
        installation, services=replace(installation.services, database=Database(postgres_url))
    )
    with installation.listening() as first, other.listening() as second:
        until(lambda: first.is_connected or second.is_connected, "one listens")
        subscribed(installation)
        assert len(installation.twitch.state()["eventsub"]["sockets"]) == 1
        assert first.is_connected != second.is_connected
    other.services.database.close()


def test_no_socket_where_events_come_by_webhook(installation: Installation) -> None:
    installation.connect()
    hooked = installation.with_settings(twitch_eventsub="webhook")
    with hooked.listening() as listening:
        assert listening.status() == [HealthItem(listener.SERVICE, "ok", NOT_USED)]
    assert installation.rows("SELECT count(*) FROM twitch_sockets") == [(0,)]


# -- the listener alone ---------------------------------------------------------------------------


def alone(installation: Installation, postgres_url: str, **values: object) -> Settings:
    """The settings of a process that only listens."""
    given = {"database_url": SecretStr(postgres_url), "host": "127.0.0.1", "port": free_port()}
    return installation.services.settings.model_copy(update=given | values)


def test_listener_runs_alone_and_tells_how_it_is(
    installation: Installation, postgres_url: str
) -> None:
    installation.connect()
    settings, stopping = alone(installation, postgres_url), threading.Event()
    thread = threading.Thread(target=run, args=(settings, stopping))
    thread.start()
    try:
        subscribed(installation)
        installation.twitch.chat("mia", "heard by the one that listens")
        heard(installation, "heard by the one that listens")
        url = f"http://127.0.0.1:{settings.port}"

        def health() -> dict[str, object]:
            answer = requests.get(f"{url}/health", timeout=5)
            assert answer.status_code == 200
            return dict(answer.json())

        until(lambda: health()["status"] == "ok", "well")
        assert requests.get(f"{url}/other", timeout=5).status_code == 404
    finally:
        stopping.set()
        thread.join(20)
    assert not thread.is_alive()


def test_listener_alone_says_in_chat_that_it_is_there(
    installation: Installation, postgres_url: str
) -> None:
    installation.connect()
    settings = alone(installation, postgres_url, twitch_online_message="I am back.")
    stopping = threading.Event()
    thread = threading.Thread(target=run, args=(settings, stopping))
    thread.start()
    said = "SELECT payload->>'text' FROM outbox_messages WHERE kind = 'twitch.line'"
    try:
        until(lambda: installation.rows(said) == [("I am back.",)], "a line in the outbox")
    finally:
        stopping.set()
        thread.join(20)


@pytest.mark.parametrize(
    ("missing", "what"),
    [
        ({"database_url": None}, "DATABASE_URL"),
        ({"twitch_client_id": None}, "TWITCH_CLIENT_ID"),
        ({"twitch_eventsub": "webhook"}, "TWITCH_EVENTSUB"),
    ],
)
def test_listener_alone_says_what_is_missing(
    installation: Installation, postgres_url: str, missing: dict[str, object], what: str
) -> None:
    with pytest.raises(StartError, match=what):
        run(alone(installation, postgres_url, **missing), threading.Event())
