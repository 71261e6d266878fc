"""Linking, unlinking and asking for it, in the database."""

from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from core.events import Person
from core.guilds.records import AuditEntry
from core.inbox.records import deliveries
from core.kit.database.work import run_in_guild
from core.kit.errors import Refusal
from core.people import store as people
from core.people.linking import actions
from core.people.linking.actions import Conflict
from core.people.lookup import find_by_name, find_person
from core.people.records import Link
from tests.acting import act
from tests.people.linking.rig import MIA, SAM, new_attempt

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
MADCATS = Person(user_id=4_100_003, name="MadCats")
BEAN = Person(user_id=4_100_004, name="lil_bean")
NORA = 310_000_000_000_000_001


def told(tx: Connection) -> list[tuple[str, str]]:
    """Event and key, as the other features will receive them."""
    found = tx.execute(
        select(deliveries.c.kind, deliveries.c.body["key"].astext).order_by(deliveries.c.id)
    )
    return [(row[0], row[1]) for row in found]


def ask(tx: Connection, guild_id: int, at: datetime = NOON, discord_id: int = MIA) -> str:
    """Create an attempt; returns its id."""
    attempt = new_attempt(discord_id, at)
    run_in_guild(tx, guild_id, discord_id, at, actions.open_attempt, attempt)
    return attempt.link_id


def link_account(
    tx: Connection,
    guild_id: int,
    discord_id: int,
    person: Person,
    at: datetime = NOON,
    platform: str = "kick",
) -> Link:
    """A member links an account."""
    return run_in_guild(tx, guild_id, discord_id, at, actions.link_account, platform, person)


def unlink_account(
    tx: Connection, guild_id: int, link: Link, actor: int = MIA, at: datetime = NOON
) -> bool:
    return run_in_guild(tx, guild_id, actor, at, actions.unlink_account, link)


# -- links --------------------------------------------------------------------------------------


def test_link_is_found_from_both_sides(tx: Connection, guild_id: int) -> None:
    link = link_account(tx, guild_id, MIA, MADCATS)
    assert act(tx, guild_id, people.find_link, MIA) == link
    assert act(tx, guild_id, people.find_link_of_viewer, link.viewer_id) == link
    assert (link.discord_id, link.viewer_name, link.linked_at) == (MIA, "MadCats", NOON)


def test_viewer_known_from_chat_is_linked(tx: Connection, guild_id: int) -> None:
    viewer_id = people.set_viewer(tx, guild_id, "kick", MADCATS.user_id, "OldName", NOON)
    later = NOON + timedelta(minutes=1)
    link = link_account(tx, guild_id, MIA, MADCATS, later)
    assert link.viewer_id == viewer_id
    assert people.get_viewer(tx, guild_id, viewer_id).name == "MadCats"


def test_link_has_the_current_name(tx: Connection, guild_id: int) -> None:
    link = link_account(tx, guild_id, MIA, MADCATS, NOON)
    people.set_viewer(tx, guild_id, "kick", MADCATS.user_id, "WildCats", NOON + timedelta(hours=1))
    found = act(tx, guild_id, people.find_link, MIA)
    assert found is not None
    assert (found.viewer_id, found.viewer_name) == (link.viewer_id, "WildCats")


def test_linking_the_same_accounts_again_changes_nothing(tx: Connection, guild_id: int) -> None:
    first = link_account(tx, guild_id, MIA, MADCATS, NOON)
    second = link_account(tx, guild_id, MIA, MADCATS, NOON + timedelta(days=1))
    assert second == first
    assert len(told(tx)) == 1


@pytest.mark.parametrize(
    ("discord_id", "account", "reason"),
    [(SAM, MADCATS, "account_taken"), (MIA, BEAN, "other_account")],
)
def test_account_or_member_with_a_link_cannot_be_linked_again(
    tx: Connection, guild_id: int, discord_id: int, account: Person, reason: str
) -> None:
    link = link_account(tx, guild_id, MIA, MADCATS, NOON)
    with pytest.raises(Conflict) as conflict:
        link_account(tx, guild_id, discord_id, account, NOON)
    assert conflict.value.reason == reason
    assert "/unlink" in conflict.value.remedy
    assert act(tx, guild_id, people.find_link, MIA) == link
    assert act(tx, guild_id, people.find_link, SAM) is None
    assert find_by_name(tx, guild_id, BEAN.name) is None, "nothing is kept of a no"
    assert len(told(tx)) == 1


def test_links_are_isolated_per_server(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    here = link_account(tx, guild_id, MIA, MADCATS, NOON)
    there = link_account(tx, other_guild_id, SAM, MADCATS, NOON)
    assert act(tx, other_guild_id, people.find_link, MIA) is None
    assert act(tx, other_guild_id, people.find_link_of_viewer, here.viewer_id) is None
    assert unlink_account(tx, guild_id, here)
    assert act(tx, other_guild_id, people.find_link, SAM) == there


def test_each_platform_has_its_own_link(tx: Connection, guild_id: int) -> None:
    link_account(tx, guild_id, MIA, MADCATS, NOON)
    cats = Person(user_id=7, name="mad_cats")
    link_account(tx, guild_id, MIA, cats, platform="twitch")
    names = [act(tx, guild_id, people.find_link, MIA, platform) for platform in ("kick", "twitch")]
    assert [link.viewer_name for link in names if link] == ["MadCats", "mad_cats"]


def test_unlinking_twice_unlinks_once_and_relinking_is_a_new_link(
    tx: Connection, guild_id: int
) -> None:
    link = link_account(tx, guild_id, MIA, MADCATS, NOON)
    assert unlink_account(tx, guild_id, link, at=NOON + timedelta(minutes=1))
    assert not unlink_account(tx, guild_id, link, at=NOON + timedelta(minutes=1))
    again = link_account(tx, guild_id, MIA, MADCATS, NOON + timedelta(minutes=2))
    assert again.viewer_id == link.viewer_id
    assert [kind for kind, _key in told(tx)] == [
        "AccountLinked",
        "AccountUnlinked",
        "AccountLinked",
    ]
    assert len({key for _kind, key in told(tx)}) == 3
    assert not unlink_account(tx, guild_id, link), "an old question ends no later link"


def test_only_unlinking_by_an_admin_is_audited(tx: Connection, guild_id: int) -> None:
    for actor in (MIA, NORA):
        link = link_account(tx, guild_id, MIA, MADCATS, NOON)
        unlink_account(tx, guild_id, link, actor)
    logged = tx.execute(
        select(AuditEntry.actor, AuditEntry.action, AuditEntry.target, AuditEntry.before)
    ).all()
    assert logged == [(NORA, "people.unlink", str(MIA), "MadCats")]


# -- who is meant -------------------------------------------------------------------------------


@pytest.mark.parametrize("text", [f"<@{MIA}>", f"<@!{MIA}>", str(MIA), " @madcats ", "MADCATS"])
def test_person_is_found_by_mention_id_or_name(tx: Connection, guild_id: int, text: str) -> None:
    link = link_account(tx, guild_id, MIA, MADCATS, NOON)
    assert act(tx, guild_id, find_person, text).viewer_id == link.viewer_id
    assert run_in_guild(tx, guild_id, MIA, NOON, actions.get_links, text) == [link]


def test_numeric_name_is_found_if_no_member_has_that_id(tx: Connection, guild_id: int) -> None:
    name = "123456789012345678"
    viewer_id = people.set_viewer(tx, guild_id, "kick", 5, name, NOON)
    assert act(tx, guild_id, find_person, name).viewer_id == viewer_id


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (f"<@{SAM}>", "has not linked"),
        (str(SAM), "has not linked"),
        ("nobody", "“nobody”"),
        ("", "“”"),
        ("<@99999999999999999999999>", "<@9999"),
    ],
)
def test_unknown_person_is_rejected(tx: Connection, guild_id: int, text: str, says: str) -> None:
    with pytest.raises(Refusal) as refusal:
        act(tx, guild_id, find_person, text)
    assert says in refusal.value.what


def test_member_of_another_server_is_unknown(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    link_account(tx, other_guild_id, MIA, MADCATS, NOON)
    for text in (f"<@{MIA}>", "MadCats"):
        with pytest.raises(Refusal):
            act(tx, guild_id, find_person, text)


def test_unlinked_account_has_no_link(tx: Connection, guild_id: int) -> None:
    people.set_viewer(tx, guild_id, "kick", MADCATS.user_id, "MadCats", NOON)
    with pytest.raises(Refusal, match="not linked to anyone"):
        run_in_guild(tx, guild_id, MIA, NOON, actions.get_links, "madcats")


# -- asking -------------------------------------------------------------------------------------


def test_fourth_link_in_ten_minutes_shows_retry_time(tx: Connection, guild_id: int) -> None:
    for minute in range(3):
        ask(tx, guild_id, NOON + timedelta(minutes=minute))
    with pytest.raises(Refusal) as refusal:
        ask(tx, guild_id, NOON + timedelta(minutes=9))
    free = NOON + timedelta(minutes=10)
    assert f"<t:{int(free.timestamp()) + 1}:R>" in refusal.value.remedy
    ask(tx, guild_id, free)


def test_rate_limit_is_per_member_and_server(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for _time in range(3):
        ask(tx, guild_id)
    ask(tx, guild_id, discord_id=SAM)
    ask(tx, other_guild_id)


def test_undelivered_link_does_not_count(tx: Connection, guild_id: int) -> None:
    for _time in range(5):
        link_id = ask(tx, guild_id)
        run_in_guild(tx, guild_id, MIA, NOON, actions.drop_attempts, [link_id])


def test_attempt_ends_once(tx: Connection, guild_id: int) -> None:
    link_id = ask(tx, guild_id)
    fail = actions.fail_attempt
    assert run_in_guild(tx, guild_id, MIA, NOON, fail, link_id, "denied")
    assert not run_in_guild(tx, guild_id, MIA, NOON, fail, link_id, "no_answer")
