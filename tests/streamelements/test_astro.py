"""The socket: subscribers reach the inbox, over moves, losses and refusals."""

from collections.abc import Iterator
from contextlib import contextmanager

from core.streamelements.astro import AstroListener
from core.streamelements.subscribers import read_subscriber
from tests.patience import until
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


def test_subscribers_are_stored_once_over_moves_and_losses(desk: Desk) -> None:
    desk.connect()
    desk.streamelements.fault(socket_429=1)
    se = desk.streamelements
    with listening(desk) as listener:
        se.wait_for_socket()
        for name, disturb in (("a", se.move_sockets), ("b", se.drop_sockets), ("c", None)):
            se.activity("follow", {"username": "x"})
            data = {"username": MADCATS, "providerId": "5100003", "tier": "3000"}
            se.wait_until(
                lambda name=name, data=data: (
                    se.activity("subscriber", data, id=name)["count"] or None
                ),
                30,
                lambda: "nobody heard it",
            )
            until(lambda name=name: name in stored(desk))
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
    found = read_subscriber({"name": "Viewer", "tier": "PRIME"})
    assert found is not None
    assert (found.user_id, found.login, found.tier) == (None, "viewer", "prime")
    other = read_subscriber({"name": "v", "providerId": "UCabc", "tier": 7})
    assert other is not None
    assert (other.user_id, other.tier) == (None, "subscriber")
