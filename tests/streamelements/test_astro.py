"""The socket: subscribers reach the inbox, over moves, losses and refusals."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.events import SubscriberReported
from core.inbox.store import Delivery
from core.streamelements.astro import AstroListener
from core.streamelements.subscribers import ASTRO, SUBSCRIBER, events_of, read_subscriber
from tests.conftest import GUILD
from tests.patience import until
from tests.slot_calls.scene import NOON
from tests.streamelements.conftest import MADCATS, Desk


@contextmanager
def listening(desk: Desk) -> Iterator[AstroListener]:
    listener = AstroListener(desk.services, update=0.05, pause_factor=0.01)
    listener.start()
    try:
        yield listener
    finally:
        listener.stop()


def stored(desk: Desk) -> list[str]:
    sql = (
        "SELECT delivery_id FROM inbox_deliveries WHERE source = 'streamelements.astro' ORDER BY id"
    )
    return [name for (name,) in desk.rows(sql)]


def publish(desk: Desk, name: str) -> None:
    """A subscriber's activity, as soon as somebody listens; waits until it is stored."""
    data = {"username": MADCATS, "providerId": "5100003", "tier": "3000"}

    def is_heard() -> bool:
        return bool(desk.streamelements.activity("subscriber", data, id=name)["count"])

    until(is_heard, f"{name} is heard")
    until(lambda: name in stored(desk), f"{name} is stored")


def test_subscribers_are_stored_once_over_moves_and_losses(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(socket_429=1)
    se = desk.streamelements
    with listening(desk) as listener:
        se.wait_for_socket()
        for name, disturb in (("a", se.move_sockets), ("b", se.drop_sockets), ("c", None)):
            se.activity("follow", {"username": "x"})
            publish(desk, name)
            if disturb is not None:
                disturb()
        se.activity("subscriber", {"username": MADCATS}, id="a")
        assert listener.status()[0].state == "ok"
    assert stored(desk) == ["a", "b", "c"]


def test_refused_subscription_is_shown(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(socket_unauthorized=True)
    with listening(desk) as listener:
        until(lambda: any("err_unauthorized" in one.reason for one in listener.status()))


def test_gift_bombs_name_nobody_and_missing_fields_are_no_trouble() -> None:
    assert (
        read_subscriber({"name": "giver", "amount": 5, "tier": "3000", "bulkGifted": True}) is None
    )
    assert read_subscriber({"text": "emulated", "displayName": "Somebody"}) is None
    assert read_subscriber({"name": "ミア", "displayName": "ミア"}) is None
    by_id = read_subscriber({"displayName": "ミア", "providerId": "900", "tier": "2000"})
    assert by_id is not None
    assert (by_id.user_id, by_id.login, by_id.name) == (900, "", "ミア")
    found = read_subscriber({"name": "Viewer", "tier": "PRIME"})
    assert found is not None
    assert (found.user_id, found.login, found.tier) == (None, "viewer", "prime")
    other = read_subscriber({"name": "v", "providerId": "UCabc", "tier": 7})
    assert other is not None
    assert (other.user_id, other.tier) == (None, "subscriber")


def test_activity_becomes_an_event_of_each_server_with_the_channel(desk: Desk) -> None:
    desk.connect()
    channel = desk.streamelements.channel()["id"]
    data = {"username": MADCATS, "displayName": "MadCats", "providerId": "5100003", "tier": "3000"}
    body = {"type": "subscriber", "provider": "twitch", "channel": channel, "data": data}
    with desk.services.database.begin() as tx:
        [event] = events_of(tx, Delivery(ASTRO, "a", SUBSCRIBER, "lane", body, NOON))
        assert (
            events_of(tx, Delivery(ASTRO, "a", SUBSCRIBER, "lane", body | {"channel": "x"}, NOON))
            == []
        )
        for provider, platforms in (
            ("Kick", ["kick"]),
            ("youtube", []),
            ("trovo", []),
            (None, ["twitch"]),  # the account's
            (["twitch"], ["twitch"]),
        ):
            other = body | {"provider": provider}
            found = events_of(tx, Delivery(ASTRO, "a", SUBSCRIBER, "lane", other, NOON))
            assert [one.platform for one in found] == platforms  # type: ignore[attr-defined]
        nameless = body | {"provider": None, "data": {"username": MADCATS}}
        assert events_of(tx, Delivery(ASTRO, "a", SUBSCRIBER, "lane", nameless, NOON)) == []
    assert isinstance(event, SubscriberReported)
    assert (event.guild_id, event.user_id, event.tier) == (GUILD, 5100003, "3000")
    assert event.reporter == "streamelements"
