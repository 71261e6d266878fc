"""The listener against the fake Kick's real sockets, over both transports."""

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest
from pysher.connection import Connection as PysherConnection
from structlog.testing import capture_logs
from websockets.asyncio.server import ServerConnection, serve

from core.guilds import actions as guild_actions
from core.guilds.settings import ADMIN_CHANNEL
from core.inbox import actions as inbox
from core.inbox.store import Delivery
from core.kick.accounts import store as accounts
from core.kick.accounts.records import KnownChannel
from core.kick.alerts import report_wrong_chatrooms
from core.kick.feed import store
from core.kick.feed.pusher import PusherSession
from core.kick.feed.records import FeedState
from core.kick.feed.session import Ended, Timing
from core.kit.database.connection import Database
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.accounts.rig import Shifted
from tests.kick.feed.rig import (
    CHAT_FEED,
    CHATROOM,
    GIFT_FEED,
    HASTE,
    KICKS_FEED,
    SITE,
    follow,
    inbox_kinds,
    listening,
    services,
    wait_for_listener,
)
from tests.kick.rig import NORA, chat
from tests.patience import until, until_async

CHAT_EVENT = "App\\Events\\ChatMessageEvent"
USED = (CHAT_FEED, GIFT_FEED, KICKS_FEED)


@pytest.fixture(autouse=True)
def followed(clean: Database) -> None:
    follow(clean)


def state(database: Database, guild_id: int = GUILD) -> str:
    """The server's item on the health page, empty at first."""
    with database.begin() as tx:
        told = [
            p.reason for p in store.check_health(tx, datetime.now(UTC)) if p.guild_id == guild_id
        ]
    return told[0] if told else ""


@pytest.mark.parametrize("transport", ["centrifugo", "pusher"])
class TestTransports:
    def test_one_row_of_each_kind_is_stored_without_chat(
        self, clean: Database, pretend: Sandbox, kick: KickDriver, transport: str
    ) -> None:
        """One subscription is five frames, a gift two, Kicks two."""
        kick.fault(feed__provider=transport)
        with listening(services(clean, pretend)):
            wait_for_listener(kick, *USED, transport=transport)
            kick.chat("mia", "hello")
            kick.subscribe("mia")
            kick.gift("mia", ["vera"])
            kick.kicks("mia", 500)
            until(lambda: len(inbox_kinds(clean)) >= 3)
        assert inbox_kinds(clean) == ["feed.subscription", "feed.gifts", "feed.kicks"]

    def test_killed_connection_is_restored_to_all_feeds(
        self, clean: Database, pretend: Sandbox, kick: KickDriver, transport: str
    ) -> None:
        kick.fault(feed__provider=transport)
        with listening(services(clean, pretend)):
            first = wait_for_listener(kick, *USED)
            kick.feed_kill()
            wait_for_listener(kick, *USED, other_than=first["id"])
            assert inbox_kinds(clean) == []
            kick.kicks("mia", 5)
            until(lambda: inbox_kinds(clean) == ["feed.kicks"])

    def test_frozen_server_is_detected(
        self, clean: Database, pretend: Sandbox, kick: KickDriver, transport: str
    ) -> None:
        """The sockets stay open, and not even a ping is answered."""
        kick.fault(feed__provider=transport, feed__ping_s=1)
        hurry = replace(HASTE, connect=5.0, after_ping=0.4, quiet=0.6, pong=0.4)
        with listening(services(clean, pretend), hurry):
            first = wait_for_listener(kick, *USED)
            until(lambda: "Listening" in state(clean))
            kick.fault(feed__silent=True)
            until(lambda: "Not connected" in state(clean))
            kick.fault(feed__silent=False)
            until(lambda: "Listening" in state(clean))
            wait_for_listener(kick, *USED, other_than=first["id"])

    def test_server_sets_the_silence_timeout(
        self, clean: Database, pretend: Sandbox, kick: KickDriver, transport: str
    ) -> None:
        """Pusher's `activity_timeout`, Centrifugo's `ping`: ours would take two minutes."""
        kick.fault(feed__provider=transport, feed__ping_s=1, feed__activity_timeout_s=1)
        with listening(services(clean, pretend), replace(HASTE, after_ping=0.4, pong=0.4)):
            wait_for_listener(kick, *USED)
            until(lambda: "Listening" in state(clean))
            kick.fault(feed__silent=True)
            until(lambda: "Not connected" in state(clean))

    def test_no_thread_is_left_behind(
        self, clean: Database, pretend: Sandbox, kick: KickDriver, transport: str
    ) -> None:
        kick.fault(feed__provider=transport)
        before = set(threading.enumerate())
        with listening(services(clean, pretend)):
            first = wait_for_listener(kick, *USED)
            kick.feed_kill()
            wait_for_listener(kick, *USED, other_than=first["id"])
        until(lambda: not _ours(set(threading.enumerate()) - before))
        until(lambda: not kick.feed_listeners())


def _ours(threads: set[threading.Thread]) -> list[str]:
    return [each.name for each in threads if "ysher" in each.name or "kick-feed" in each.name]


def test_listener_follows_a_transport_change(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    kick.fault(feed__provider="pusher")
    with listening(services(clean, pretend)):
        wait_for_listener(kick, *USED, transport="pusher")
        kick.fault(feed__provider="centrifugo")
        kick.feed_kill()
        wait_for_listener(kick, *USED, transport="centrifugo")
        until(lambda: "over Centrifugo" in state(clean))


def test_configured_app_is_used_without_negotiation(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    kick.fault(feed__provider="pusher", feed__refuse=True)
    with listening(services(clean, pretend)):
        wait_for_listener(kick, *USED, transport="pusher")
        until(lambda: "over Pusher" in state(clean))


def test_retired_key_is_reported_and_listening_continues(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    """pysher's own thread dies of it."""
    kick.fault(feed__provider="pusher", feed__wrong_key=True)
    with listening(services(clean, pretend), replace(HASTE, pause_factor=0.5)):
        until(lambda: "4001" in state(clean))
        kick.fault(feed__provider="centrifugo")
        wait_for_listener(kick, *USED, transport="centrifugo")


def test_permanent_close_is_not_retried(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    ours = services(clean, pretend, kick_pusher_key=None)
    with listening(ours, replace(HASTE, pause_factor=0.0001)):
        wait_for_listener(kick, *USED)
        kick.feed_close(3999, "banned")
        # Pusher is still tried, and is not there; Centrifugo is left alone.
        until(lambda: "no pusher" in state(clean))
        until(lambda: not kick.feed_listeners())


def test_disabled_listener_reports_what_is_lost(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    with listening(services(clean, pretend, use_dual_mode=False)) as listener:
        (part,) = listener.status()
        assert part.state == "ok"
        assert "USE_DUAL_MODE" in part.reason
        kick.kicks("mia", 5)
        assert not kick.feed_listeners()
    assert inbox_kinds(clean) == []


def test_only_one_process_listens(clean: Database, pretend: Sandbox, kick: KickDriver) -> None:
    ours = services(clean, pretend)
    with listening(ours) as first:
        wait_for_listener(kick, *USED)
        with listening(ours) as second:
            until(lambda: "another process" in second.status()[0].reason)
            first.stop()
            until(lambda: "connected" in second.status()[0].reason)
            wait_for_listener(kick, *USED)
            until(lambda: len(kick.feed_listeners()) == 1)


def test_chat_is_read_without_webhooks(clean: Database, pretend: Sandbox, kick: KickDriver) -> None:
    with listening(services(clean, pretend, kick_use_kickpython_ws=True)):
        wait_for_listener(kick, *USED)
        kick.chat("mia", "hello")
        until(lambda: inbox_kinds(clean) == ["chat.message.sent"])


def test_only_chat_is_stored_without_dual_mode(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    ours = services(clean, pretend, kick_use_kickpython_ws=True, use_dual_mode=False)
    with listening(ours) as listener:
        wait_for_listener(kick, *USED)
        kick.kicks("mia", 500)
        kick.chat("mia", "hello")
        until(lambda: inbox_kinds(clean))
        assert "chat only (USE_DUAL_MODE)" in listener.status()[0].reason
    assert inbox_kinds(clean) == ["chat.message.sent"]


def test_new_channel_joins_the_same_connection(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    with listening(services(clean, pretend)):
        first = wait_for_listener(kick, *USED)
        follow(clean, OTHER_GUILD, channel_id=77, site_channel_id=88, chatroom_id=99)
        second = wait_for_listener(kick, *USED, "chatroom_99", "channel_88")
        assert second["id"] == first["id"]


def test_wrong_channel_ids_do_not_affect_the_other_channel(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    """Another server has typed in Nora's numbers for its own channel."""
    follow(clean, OTHER_GUILD, channel_id=NORA + 1000)
    with listening(services(clean, pretend, kick_use_kickpython_ws=True)):
        wait_for_listener(kick, *USED)
        kick.kicks("mia", 500)
        kick.chat("mia", "hello")
        until(lambda: len(inbox_kinds(clean)) == 4)
    assert lanes(clean) == {f"kick:{NORA}", f"kick:{NORA + 1000}"}


def lanes(database: Database) -> set[str]:
    """Whose Kicks and chat messages were heard: those for whom both were."""
    with database.begin() as tx:
        found = tx.exec_driver_sql(
            "SELECT lane FROM inbox_deliveries GROUP BY lane HAVING count(*) = 2"
        )
        return set(found.scalars())


def test_website_ids_take_precedence_over_manual_ids(clean: Database) -> None:
    """Two servers follow one channel, and in the first of them somebody mistyped."""
    follow(clean, OTHER_GUILD)
    with clean.begin() as tx:
        known = accounts.find_known_channel(tx, min(GUILD, OTHER_GUILD))
        assert known is not None
        accounts.change_known_channel(
            tx, known, chatroom_id=99, site_channel_id=98, chatroom_from="typed"
        )
        (found,) = store.list_followed(tx)
    assert (found.chatroom_id, found.site_channel_id) == (CHATROOM, SITE)


class Chat:
    """Nora's chat, of which webhooks and the feed tell."""

    def __init__(self, database: Database, kick: KickDriver) -> None:
        self.database = database
        self.kick = kick
        self.clock = Shifted()

    def told(self, *message_ids: str) -> None:
        """These messages arrived by webhook."""
        with self.database.begin() as tx:
            for each in message_ids:
                body = chat(each, message_id=each)
                kind, lane = "chat.message.sent", f"kick:{NORA}"
                inbox.receive(tx, Delivery("kick.webhook", each, kind, lane, body, self.clock()))

    def state(self) -> FeedState | None:
        with self.database.begin() as tx:
            return store.list_states(tx, self.clock()).get(NORA)

    def is_confirmed(self) -> bool:
        """Say one more line, of which both tell."""
        self.told(self.kick.chat("mia", "hello"))
        return known(self.database).confirmed_at is not None

    def found(self, condition: Callable[[FeedState], object]) -> bool:
        state = self.state()
        return state is not None and bool(condition(state))


def test_wrong_chatroom_is_reported_once(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    """Any number was taken, and every check stayed green."""
    with clean.begin() as tx:
        tx.exec_driver_sql("UPDATE kick_channels SET chatroom_id = 123, chatroom_from = 'typed'")
        act(tx, GUILD, guild_actions.change_setting, ADMIN_CHANNEL, 555)
    ours = Chat(clean, kick)
    with listening(
        replace(services(clean, pretend), clock=ours.clock), replace(HASTE, compare=0.1)
    ):
        wait_for_listener(kick, "chatrooms.123.v2")
        until(lambda: "Listening" in state(clean))
        until(lambda: ours.found(lambda s: s.chatroom_id == 123))
        ours.told(*(f"line {number}" for number in range(5)))
        ours.clock.forward(minutes=2)
        until(lambda: "does not show your chat" in state(clean))
        with clean.begin() as tx:
            for _ in range(3):
                report_wrong_chatrooms(tx, ours.clock())
            told = tx.exec_driver_sql("SELECT kind, payload FROM outbox_messages").all()
    assert [tuple(row) for row in told] == [
        ("kick.wrong_chatroom", {"slug": f"channel-{NORA}", "chatroom_id": 123})
    ]


def test_chatroom_is_confirmed_and_lost_webhooks_are_detected(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    ours = Chat(clean, kick)
    with listening(
        replace(services(clean, pretend), clock=ours.clock), replace(HASTE, compare=0.1)
    ):
        wait_for_listener(kick, *USED)
        until(lambda: ours.is_confirmed())
        heard = len(kick.feed_events(name=CHAT_EVENT))
        for number in range(3):
            kick.chat("mia", f"is anybody there? {number}")
        until(lambda: len(kick.feed_events(name=CHAT_EVENT)) == heard + 3)
        assert ours.found(lambda s: s.webhooks_missing_since is None)
        ours.clock.forward(minutes=2)
        until(lambda: ours.found(lambda s: s.webhooks_missing_since is not None))
        assert not ours.found(lambda s: s.shows_another_chat)
        ours.clock.by = timedelta()
        ours.told("a webhook again")
        ours.clock.forward(minutes=2)
        until(lambda: ours.found(lambda s: s.webhooks_missing_since is None))


def known(database: Database) -> KnownChannel:
    with database.begin() as tx:
        found = accounts.find_known_channel(tx, GUILD)
    assert found is not None
    return found


def test_malformed_frame_appears_in_health(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    with listening(services(clean, pretend)) as listener:
        wait_for_listener(kick, *USED)
        shapes: tuple[Any, ...] = ({"amount": 5}, [], "no json", None)
        for data in shapes:
            kick.feed_publish(KICKS_FEED, "KicksGifted", data)
        until(lambda: "KicksGifted" in listener.status()[0].reason)
        assert listener.status()[0].state == "warn"
        kick.kicks("mia", 5)
        until(lambda: inbox_kinds(clean) == ["feed.kicks"])
        until(lambda: listener.status()[0].state == "ok")


def test_channel_with_unknown_ids_is_reported(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    follow(clean, OTHER_GUILD, channel_id=77, site_channel_id=None, chatroom_id=None)
    with listening(services(clean, pretend)):
        wait_for_listener(kick, *USED)
        until(lambda: "/set_chatroom" in state(clean, OTHER_GUILD))
        until(lambda: "Listening" in state(clean))


def test_default_timeouts_match_the_servers() -> None:
    assert Timing().after_ping == 20
    assert Timing().quiet == 120


def test_null_characters_do_not_stop_the_listener(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    """NUL is JSON to Python and not to PostgreSQL."""
    odd = {
        "gift_transaction_id": "a\x00b",
        "message": "\x00",
        "sender": {"id": 9, "username": "D\x00"},
        "gift": {"name": "Rage\x00 Quit", "amount": 5},
        "created_at": "2026-11-22T10:00:00Z",
    }
    with listening(services(clean, pretend)):
        wait_for_listener(kick, *USED)
        kick.feed_publish(KICKS_FEED, "KicksGifted", odd)
        kick.kicks("mia", 500)
        until(lambda: inbox_kinds(clean) == ["feed.kicks", "feed.kicks"])


def test_unwritable_frame_does_not_stop_the_listener(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    """It is reported, and what else the same connection shows is stored."""
    with capture_logs() as logged, listening(services(clean, pretend)):
        first = wait_for_listener(kick, *USED)
        with _refusing(clean, "feed.kicks"):
            kick.kicks("mia", 500)
            kick.gift("mia", ["vera"])
            until(lambda: "feed.gifts" in inbox_kinds(clean))
        kick.kicks("mia", 500)
        until(lambda: inbox_kinds(clean)[-1] == "feed.kicks")
        assert [each["id"] for each in kick.feed_listeners()] == [first["id"]]
    assert inbox_kinds(clean) == ["feed.gifts", "feed.kicks"]
    assert [line["kind"] for line in logged if line["log_level"] == "error"] == ["feed.kicks"]


def test_failed_helper_thread_is_restarted(
    clean: Database, pretend: Sandbox, kick: KickDriver
) -> None:
    """Whatever ends a helper, another one takes its place, and is whole."""
    with capture_logs() as logged, listening(services(clean, pretend)):
        first = wait_for_listener(kick, *USED)
        with _refusing(clean, "poll.livestream"):
            kick.live()
            until(lambda: first["id"] not in [each["id"] for each in kick.feed_listeners()])
        wait_for_listener(kick, *USED, other_than=first["id"])
        kick.gift("mia", ["vera"])
        until(lambda: "feed.gifts" in inbox_kinds(clean))
        kick.offline()
        until(lambda: _looks(clean), "a look who is live")
    assert [line["event"] for line in logged].count("A listener failed") == 1


def _looks(database: Database) -> int:
    with database.begin() as tx:
        found = "SELECT count(*) FROM inbox_deliveries WHERE kind = 'poll.livestream'"
        return int(tx.exec_driver_sql(found).scalar_one())


@contextmanager
def _refusing(database: Database, kind: str) -> Iterator[None]:
    """As if a bug of ours made deliveries of this kind that the database does not take."""
    change = "ALTER TABLE inbox_deliveries {} CONSTRAINT refused_kind {}"
    with database.begin() as tx:
        tx.exec_driver_sql(change.format("ADD", f"CHECK (kind <> '{kind}')"))
    try:
        yield
    finally:
        with database.begin() as tx:
            tx.exec_driver_sql(change.format("DROP", ""))


@pytest.mark.parametrize(
    ("code", "terminal"), [(3999, False), (4000, True), (4099, True), (4100, False), (4200, False)]
)
async def test_pusher_is_left_alone_after_a_permanent_error_only(code: int, terminal: bool) -> None:
    session = PusherSession("key", "localhost:1", (), lambda *_frame: None, HASTE)
    session._connection.socket = SimpleNamespace(close=lambda: None)
    session._on_error({"code": code, "message": "No"})
    assert await session._over == Ended(f"No ({code})", terminal)


async def test_pusher_skips_messages_that_it_cannot_read() -> None:
    frames: list[tuple[str, str, object]] = []

    async def send_all(socket: ServerConnection) -> None:
        greeting = json.dumps({"socket_id": "1", "activity_timeout": 120})
        established = {"event": "pusher:connection_established", "data": greeting}
        gift = {"event": "Gift", "data": "{}", "channel": "feed"}
        unreadable = ("no json", "[]", '{"event": 5, "channel": "feed"}')
        for text in (json.dumps(established), *unreadable, json.dumps(gift)):
            await socket.send(text)
        await socket.wait_closed()

    async with serve(send_all, "localhost", 0) as server:
        port = next(iter(server.sockets)).getsockname()[1]
        session = PusherSession(
            "key", f"localhost:{port}", ("feed",), lambda *frame: frames.append(frame), HASTE
        )
        running = asyncio.create_task(session.run(lambda: None))
        await until_async(lambda: frames or running.done())
        running.cancel()
        with suppress(asyncio.CancelledError):
            await running
    assert frames == [("feed", "Gift", "{}")]


async def test_pusher_replaces_no_private_attribute_of_its_library() -> None:
    session = PusherSession("key", "localhost:1", (), lambda *_frame: None, HASTE)
    untouched = PysherConnection(lambda *_frame: None, "ws://localhost:1")
    assert set(vars(session._connection)) == set(vars(untouched))
