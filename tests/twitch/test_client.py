"""Helix, asked over HTTP."""

import pytest

from core.twitch.client import Subscriber, client_of
from core.twitch.wire import TwitchRejected
from tests.twitch.rig import MIA, NORA, TOMAS, VERA, Office


def subscribers(office: Office, *user_ids: int) -> list[Subscriber]:
    client = client_of(office.services.settings)
    return list(client.list_subscribers(office.token(), NORA, user_ids or None))


def test_subscribers_come_page_by_page(office: Office) -> None:
    office.connect()
    office.twitch.gift("leo", count=250)
    office.twitch.do("subscribe", person="mia", tier="3000")
    found = {subscriber.user_id: subscriber for subscriber in subscribers(office)}
    assert len(found) == 251
    assert found[MIA] == Subscriber(MIA, "madcats", "MadCats", "3000", is_gift=False)
    assert sum(one.is_gift for one in found.values()) == 250


def test_subscribers_among_some_users(office: Office) -> None:
    office.connect()
    office.twitch.gift("leo", ["mia", "tomas"], tier="2000")
    found = subscribers(office, MIA, VERA)
    assert [(one.user_id, one.tier, one.is_gift) for one in found] == [(MIA, "2000", True)]
    assert list(client_of(office.services.settings).list_subscribers("", NORA, [])) == []
    assert {
        subscriber.user_id for subscriber in subscribers(office, MIA, TOMAS, *range(1, 99))
    } == {MIA, TOMAS}
    with pytest.raises(TwitchRejected):
        subscribers(office, *range(1, 102))


def test_subscribers_need_the_channels_own_token(office: Office) -> None:
    office.connect("vera")
    with pytest.raises(TwitchRejected) as refused:
        subscribers(office)
    assert refused.value.status == 401
