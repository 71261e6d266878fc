"""Helix, asked over HTTP."""

import pytest

from core.twitch.client import Subscriber, client_of
from core.twitch.wire import TwitchRejected
from tests.twitch.rig import MIA, NORA, TOMAS, VERA, Installation


def subscribers(installation: Installation, *user_ids: int) -> list[Subscriber]:
    client = client_of(installation.services.settings)
    return list(client.list_subscribers(installation.token(), NORA, user_ids or None))


def test_subscribers_come_page_by_page(installation: Installation) -> None:
    installation.connect()
    installation.twitch.gift("leo", count=250)
    installation.twitch.do("subscribe", person="mia", tier="3000")
    found = {subscriber.user_id: subscriber for subscriber in subscribers(installation)}
    assert len(found) == 251
    assert found[MIA] == Subscriber(MIA, "madcats", "MadCats", "3000", is_gift=False)
    assert sum(one.is_gift for one in found.values()) == 250


def test_subscribers_among_some_users(installation: Installation) -> None:
    installation.connect()
    installation.twitch.gift("leo", ["mia", "tomas"], tier="2000")
    found = subscribers(installation, MIA, VERA)
    assert [(one.user_id, one.tier, one.is_gift) for one in found] == [(MIA, "2000", True)]
    assert list(client_of(installation.services.settings).list_subscribers("", NORA, [])) == []
    assert {
        subscriber.user_id for subscriber in subscribers(installation, MIA, TOMAS, *range(1, 99))
    } == {MIA, TOMAS}
    with pytest.raises(TwitchRejected):
        subscribers(installation, *range(1, 102))


def test_subscribers_need_the_channels_own_token(installation: Installation) -> None:
    installation.connect("vera")
    with pytest.raises(TwitchRejected) as refused:
        subscribers(installation)
    assert refused.value.status == 401
