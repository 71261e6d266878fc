"""Twitch's subscriber list: asked when a crew is locked, and read again after a gap."""

from collections.abc import Iterable
from datetime import timedelta

import pytest

from core.events import EventsMissed, SubscriptionStarted
from core.events import Person as Subscriber
from core.kit.errors import Outage
from core.kit.runtime.clock import utc_now
from core.people import store as people
from core.people.records import GuildAccount
from core.tiers.actions import lookup, remember
from core.tiers.feature import FEATURE
from core.tiers.refresh import refresh, resync
from core.twitch.accounts.actions import ACCOUNTS
from tests.conftest import GUILD
from tests.twitch.rig import MIA, NORA, TOMAS, VERA, Installation

UNKNOWN = range(9_000_000, 9_000_250)


def meet(installation: Installation, user_ids: Iterable[int]) -> dict[int, int]:
    """Twitch user id -> viewer id of people who were seen in chat."""
    at = utc_now() - timedelta(days=9)
    seen = [people.Seen(GuildAccount(GUILD, "twitch", one), f"viewer{one}", at) for one in user_ids]
    with installation.services.database.begin() as tx:
        found = people.set_viewers(tx, seen)
    return {account.user_id: viewer_id for account, viewer_id in found.items()}


def hear(installation: Installation, user_id: int, tier: str, days: float = 3) -> None:
    """An event of a subscription so many days ago."""
    event = SubscriptionStarted(
        key=f"{user_id}{tier}{days}",
        guild_id=GUILD,
        at=installation.clock() - timedelta(days=days),
        platform="twitch",
        channel_id=NORA,
        subscriber=Subscriber(user_id=user_id, name="x"),
        tier=tier,
    )
    with installation.services.database.begin() as tx:
        remember(tx, [event])


def tier_of(installation: Installation, viewer_id: int) -> str:
    with installation.services.work_in(GUILD) as work:
        return lookup(work, [viewer_id])[viewer_id].tier


def miss_events(installation: Installation) -> None:
    gap = EventsMissed(
        key="gap", guild_id=GUILD, at=installation.clock(), platform="twitch", channel_id=NORA
    )
    with installation.services.database.begin() as tx:
        FEATURE.handlers[EventsMissed](tx, gap)


def is_due(installation: Installation) -> bool:
    return bool(installation.rows("SELECT count(*) FROM tiers_due_resyncs")[0][0])


def test_crew_is_asked_about_100_at_a_time(installation: Installation) -> None:
    installation.connect()
    installation.twitch.do("subscribe", person="mia", tier="3000")
    installation.twitch.gift("leo", ["tomas"], tier="2000")
    viewers = meet(installation, [MIA, TOMAS, VERA, *UNKNOWN])
    hear(installation, VERA, "3000")
    assert refresh(installation.services, GUILD, viewers.values())
    assert tier_of(installation, viewers[MIA]) == "3000"
    assert tier_of(installation, viewers[TOMAS]) == "2000"
    assert tier_of(installation, viewers[VERA]) == "none"
    installation.twitch.fault(api__500=9)
    assert not refresh(installation.services, GUILD, viewers.values())  # asked a moment ago
    installation.twitch.fault(api__500=0)


@pytest.mark.parametrize("fault", ["api__500", "api__403", "api__429"])
def test_list_that_fails_leaves_what_is_known(installation: Installation, fault: str) -> None:
    installation.connect()
    viewers = meet(installation, [MIA])
    hear(installation, MIA, "2000")
    installation.twitch.fault(**{fault: 9})
    assert not refresh(installation.services, GUILD, viewers.values())
    assert tier_of(installation, viewers[MIA]) == "2000"


def test_token_that_is_refused_is_renewed(installation: Installation) -> None:
    installation.connect()
    installation.twitch.do("subscribe", person="mia", tier="3000")
    installation.twitch.fault(api__401=1)
    viewers = meet(installation, [MIA])
    assert refresh(installation.services, GUILD, viewers.values())
    assert tier_of(installation, viewers[MIA]) == "3000"


def test_without_connection_nobody_is_asked(installation: Installation) -> None:
    viewers = meet(installation, [MIA])
    assert not refresh(installation.services, GUILD, viewers.values())
    account = installation.connect()
    with installation.services.work_in(GUILD) as work:
        ACCOUNTS["streamer"].require_reconnect(work, account)
    assert not refresh(installation.services, GUILD, viewers.values())
    miss_events(installation)
    resync(installation.services)
    assert not is_due(installation)  # it is due again when the streamer connects again


def test_gap_finds_missed_starts_upgrades_and_ends(installation: Installation) -> None:
    installation.connect()
    viewers = meet(installation, [MIA, TOMAS, VERA])
    hear(installation, TOMAS, "1000")
    hear(installation, VERA, "3000")
    installation.twitch.gift("leo", count=120)  # nobody of them was seen here
    installation.twitch.do("subscribe", person="mia", tier="2000")
    installation.twitch.do("subscribe", person="tomas", tier="3000")
    miss_events(installation)
    installation.twitch.fault(api__500=9)
    with pytest.raises(Outage):
        resync(installation.services)
    assert is_due(installation)
    installation.twitch.fault(api__500=0)
    resync(installation.services)
    assert not is_due(installation)
    expected = {MIA: "2000", TOMAS: "3000", VERA: "none"}
    assert {one: tier_of(installation, viewers[one]) for one in expected} == expected
    assert installation.rows("SELECT count(*) FROM tiers_known WHERE source = 'list'") == [(3,)]
    installation.clock.forward(hours=3)  # what was said before does not count again
    assert {one: tier_of(installation, viewers[one]) for one in expected} == expected
    hear(installation, VERA, "1000", days=0)
    assert tier_of(installation, viewers[VERA]) == "1000"
