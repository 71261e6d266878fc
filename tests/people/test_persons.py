"""A person is the set of accounts that one member has linked."""

import random
from datetime import UTC, datetime, timedelta

from sqlalchemy import Connection

from core.people import store
from core.people.records import Link
from tests.acting import act

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)


def seen(tx: Connection, guild_id: int, platform: str, user_id: int) -> int:
    return store.set_viewer(tx, guild_id, platform, user_id, f"{platform}{user_id}", NOON)


def accounts_of(tx: Connection, guild_id: int, viewer_id: int) -> list[int]:
    return [account.viewer_id for account in store.list_accounts_of(tx, guild_id, viewer_id)]


def test_unlinked_account_is_a_person(tx: Connection, guild_id: int) -> None:
    viewer_id = seen(tx, guild_id, "kick", 7)
    assert store.get_person(tx, guild_id, viewer_id) == viewer_id
    assert accounts_of(tx, guild_id, viewer_id) == [viewer_id]


def test_the_account_that_was_known_first_represents_the_person(
    tx: Connection, guild_id: int
) -> None:
    on_twitch, on_kick = seen(tx, guild_id, "twitch", 7), seen(tx, guild_id, "kick", 7)
    store.add_link(tx, guild_id, 100, "kick", on_kick, NOON)
    store.add_link(tx, guild_id, 100, "twitch", on_twitch, NOON + timedelta(days=1))
    for account in (on_twitch, on_kick):
        assert store.get_person(tx, guild_id, account) == on_twitch
        assert accounts_of(tx, guild_id, account) == [on_twitch, on_kick]


def test_persons_follow_the_links(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    """Whatever was linked and unlinked, a person depends on the present links alone."""
    chance = random.Random(11)
    known = {
        guild: [(p, seen(tx, guild, p, n)) for n in range(4) for p in ("kick", "twitch")]
        for guild in (guild_id, other_guild_id)
    }
    members: dict[tuple[int, int], dict[str, int]] = {}
    for step in range(120):
        guild = chance.choice((guild_id, other_guild_id))
        platform, viewer_id = chance.choice(known[guild])
        taken = [
            key
            for key, member in members.items()
            if key[0] == guild and viewer_id in member.values()
        ]
        if taken:
            discord_id = taken[0][1]
            link = act(tx, guild, store.find_link_of_viewer, viewer_id)
            assert isinstance(link, Link)
            assert store.end_link(tx, link)
            del members[guild, discord_id][platform]
        else:
            discord_id = chance.randint(1, 3)
            mine = members.setdefault((guild, discord_id), {})
            if platform in mine:
                continue
            mine[platform] = viewer_id
            store.add_link(tx, guild, discord_id, platform, viewer_id, NOON + timedelta(0, step))
        for member, viewers in known.items():
            for _platform, viewer in viewers:
                theirs = next(
                    (
                        set(m.values())
                        for key, m in members.items()
                        if key[0] == member and viewer in m.values()
                    ),
                    {viewer},
                )
                assert store.get_person(tx, member, viewer) == min(theirs)
                assert accounts_of(tx, member, viewer) == sorted(theirs)
