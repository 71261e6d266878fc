"""One list of exclusions per server, for single features and for everything."""

from datetime import UTC, datetime, timedelta
from itertools import count

import pytest
from sqlalchemy import Connection, select

from core.events import ChatMessageSent, ExclusionChanged, Person, Sender
from core.guilds.records import AuditEntry
from core.inbox.actions import translate_own
from core.inbox.records import deliveries
from core.inbox.store import Delivery
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.people import actions as people
from core.people.exclusions import actions
from core.people.exclusions.records import Cause, Scope
from core.people.exclusions.rules import CHAT_BOTS
from core.people.exclusions.store import without_excluded
from core.people.lookup import find_person

ADMIN = 900
NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
SCOPES: tuple[Scope, ...] = ("everything", "watchtime", "slot_calls", "raffle")
_numbers = count(1)


def line(
    guild_id: int, name: str = "MadCats", user_id: int = 7, minute: int = 0
) -> ChatMessageSent:
    key = f"exclusions-{next(_numbers)}"
    return ChatMessageSent(
        key=key,
        guild_id=guild_id,
        at=NOON + timedelta(minutes=minute),
        platform="kick",
        channel_id=1,
        message_id=key,
        sender=Sender(user_id=user_id, name=name),
        text="",
    )


@pytest.fixture
def work(tx: Connection, guild_id: int) -> Work:
    """MadCats was seen in this server."""
    people.get_or_create_sender(tx, line(guild_id))
    return Work(tx, guild_id, actor=ADMIN, now=NOON)


@pytest.fixture
def viewer_id(work: Work) -> int:
    return find_person(work, "MadCats").viewer_id


def excluded_in(work: Work, viewer_id: int) -> set[str]:
    return {scope for scope in SCOPES if actions.is_excluded(work, viewer_id, scope)}


def can_write(work: Work, *lines: ChatMessageSent, scope: Scope = "watchtime") -> list[str]:
    return [line.sender.name for line in without_excluded(work.tx, lines, scope)]


def accounts(work: Work, scope: Scope = "everything") -> list[tuple[str, str, str]]:
    found = actions.list_excluded(work, scope).accounts
    return [(row.viewer_name, row.scope, row.cause) for row in found]


def published(work: Work) -> list[tuple[str, bool, int]]:
    found = work.tx.execute(
        select(deliveries.c.body)
        .where(
            deliveries.c.kind == "ExclusionChanged",
            deliveries.c.body["guild_id"].as_integer() == work.guild_id,
        )
        .order_by(deliveries.c.id)
    )
    return [(row.body["scope"], row.body["excluded"], row.body["changed_by"]) for row in found]


def audited(work: Work) -> list[tuple[str, str, str]]:
    found = work.tx.execute(
        select(AuditEntry).where(AuditEntry.guild_id == work.guild_id).order_by(AuditEntry.id)
    )
    return [(row.action, row.target, row.after["scope"]) for row in found]


@pytest.mark.parametrize("scope", SCOPES)
def test_exclusion_applies_to_its_scope_and_everything_to_all(
    work: Work, viewer_id: int, scope: Scope
) -> None:
    assert actions.exclude(work, "@madcats", scope, "alt of a cheater") == "MadCats"
    assert excluded_in(work, viewer_id) == (set(SCOPES) if scope == "everything" else {scope})
    assert actions.list_excluded(work, scope).accounts[0].reason == "alt of a cheater"
    with pytest.raises(Refusal, match="MadCats is already excluded"):
        actions.exclude(work, "MadCats", scope)
    assert actions.include(work, "MadCats", scope) == "MadCats"
    assert excluded_in(work, viewer_id) == set()
    with pytest.raises(Refusal, match="MadCats is not excluded"):
        actions.include(work, "MadCats", scope)
    target = f"viewer:{viewer_id}"
    assert audited(work) == [("people.exclude", target, scope), ("people.include", target, scope)]
    assert published(work) == [(scope, True, ADMIN), (scope, False, ADMIN)]


def test_viewer_excluded_from_everything_cannot_be_included_in_one_feature(
    work: Work, viewer_id: int
) -> None:
    actions.exclude(work, "MadCats", "watchtime")
    actions.exclude(work, "MadCats")
    actions.exclude(work, "Stranger")
    for who in ("MadCats", "Stranger"):
        with pytest.raises(Refusal, match=f"{who} is excluded from everything"):
            actions.include(work, who, "watchtime")
        with pytest.raises(Refusal, match="already"):
            actions.exclude(work, who, "raffle")
    actions.include(work, "MadCats")
    assert excluded_in(work, viewer_id) == set(), "that from one feature has ended, too"


def test_list_includes_its_scope_and_everything(work: Work) -> None:
    people.get_or_create_sender(work.tx, line(work.guild_id, "anna", 8))
    actions.exclude(work, "MadCats", "raffle")
    actions.exclude(work, "anna")
    actions.exclude(work, "Stranger", "slot_calls")
    anna, mad = ("anna", "everything", "admin"), ("MadCats", "raffle", "admin")
    assert accounts(work) == [anna, mad]
    assert accounts(work, "raffle") == [anna, mad]
    assert accounts(work, "slot_calls") == [anna]
    assert list(actions.list_excluded(work, "slot_calls").names) == ["Stranger"]
    assert list(actions.list_excluded(work, "watchtime").names) == list(CHAT_BOTS)
    assert set(actions.list_excluded(work).names) == {"Stranger", *CHAT_BOTS}
    assert actions.list_excluded(work, "slot_calls").count == 2


def test_listed_name_is_excluded_by_its_first_message(work: Work) -> None:
    here = work.guild_id
    actions.exclude(work, "@Stranger", "slot_calls")
    batch = [
        line(here),
        line(here, "stranger", 9),
        line(here, "Stranger", 10),
        line(here, "angel", 9, 1),
    ]
    assert can_write(work, *batch, scope="slot_calls") == ["MadCats", "Stranger"], "one was meant"
    assert can_write(work, line(here, "angel", 9, 1), scope="slot_calls") == []
    assert can_write(work, line(here, "angel", 9, 1)) == ["angel"], "watchtime is another scope"
    assert accounts(work) == [("angel", "slot_calls", "name")]
    assert "Stranger" not in actions.list_excluded(work, "slot_calls").names
    assert actions.include(work, "angel", "slot_calls") == "angel"
    assert can_write(work, line(here, "angel", 9, 1), scope="slot_calls") == ["angel"]


def test_listed_name_is_excluded_before_it_writes_in_chat(work: Work) -> None:
    """Such as who gives subscriptions, or spends channel points, and never chats."""
    actions.exclude(work, "Stranger", "raffle")
    met = people.get_or_create_person(
        work.tx, work.guild_id, "kick", Person(user_id=9, name="stranger"), NOON
    )
    assert actions.is_excluded(work, met, "raffle")
    other = people.get_or_create_person(
        work.tx, work.guild_id, "twitch", Person(user_id=9, name="Stranger"), NOON
    )
    assert not actions.is_excluded(work, other, "raffle"), "one was meant"
    assert accounts(work, "raffle") == [("stranger", "raffle", "name")]


def test_chat_bots_are_excluded_until_an_admin_includes_them(work: Work) -> None:
    here = work.guild_id
    assert can_write(work, line(here, "NightBot", 5), line(here, "nightbot", 6)) == []
    assert can_write(work, line(here, "NightBot", 5), scope="slot_calls") == ["NightBot"]
    with pytest.raises(Refusal, match="already"):
        actions.exclude(work, "moobot", "watchtime")
    actions.include(work, "Moobot", "watchtime")
    assert can_write(work, line(here, "Moobot", 8)) == ["Moobot"]
    assert "Moobot" not in actions.list_excluded(work).names


def test_timeout_ends(work: Work, viewer_id: int) -> None:
    later = NOON + timedelta(minutes=10)
    assert actions.exclude_viewer(work, viewer_id, "raffle", "kick_ban", until=NOON + timedelta(1))
    assert actions.exclude_viewer(work, viewer_id, "raffle", "kick_ban", until=later)
    assert excluded_in(work, viewer_id) == {"raffle"}
    here = work.guild_id
    assert can_write(work, line(here, minute=9), line(here, minute=10), scope="raffle") == [
        "MadCats"
    ]
    after = Work(work.tx, here, now=later)
    assert excluded_in(after, viewer_id) == set()
    assert accounts(after) == []


def test_causes_end_separately_or_all_at_once(work: Work, viewer_id: int) -> None:
    causes: tuple[Cause, ...] = ("kick_ban", "discord_ban", "admin")
    for cause in causes:
        assert actions.exclude_viewer(work, viewer_id, "raffle", cause)
        assert not actions.exclude_viewer(work, viewer_id, "raffle", cause)
    assert [account.excluded_by for account in actions.list_excluded(work).accounts] == [
        ADMIN,
        None,
        None,
    ]
    assert actions.list_excluded(work, "raffle").count == 1
    assert actions.include_viewer(work, viewer_id, "raffle", "kick_ban")
    assert not actions.include_viewer(work, viewer_id, "raffle", "kick_ban")
    assert [cause for _name, _scope, cause in accounts(work)] == ["admin", "discord_ban"]
    actions.include(work, "MadCats", "raffle")
    assert accounts(work) == []


def test_exclusions_are_isolated_per_server(
    work: Work, viewer_id: int, other_guild_id: int
) -> None:
    actions.exclude(work, "MadCats")
    actions.exclude(work, "Stranger")
    there = [line(other_guild_id), line(other_guild_id, "Stranger", 9)]
    assert can_write(work, line(work.guild_id), *there) == ["MadCats", "Stranger"]
    other = Work(work.tx, other_guild_id, actor=ADMIN, now=NOON)
    assert actions.list_excluded(other).accounts == []
    with pytest.raises(Refusal, match="not excluded"):
        actions.include(other, "MadCats")


@pytest.mark.parametrize("who", ["", "two words", "@", "x" * 65])
def test_invalid_name_is_rejected(work: Work, who: str) -> None:
    with pytest.raises(Refusal, match="not a name"):
        actions.exclude(work, who)


def test_event_is_translated_as_published(work: Work, viewer_id: int) -> None:
    actions.exclude(work, "MadCats", "raffle")
    row = work.tx.execute(select(deliveries).where(deliveries.c.kind == "ExclusionChanged")).one()
    (event,) = translate_own(
        work.tx, Delivery(row.source, row.delivery_id, row.kind, row.lane, row.body, NOON)
    )
    assert isinstance(event, ExclusionChanged)
    assert (event.guild_id, event.viewer_id, event.at) == (work.guild_id, viewer_id, NOON)


def test_name_excluded_from_one_feature_is_included_there_only(work: Work) -> None:
    """Nobody with this name was seen yet."""
    actions.exclude(work, "Stranger", "watchtime")
    with pytest.raises(Refusal, match="Stranger is not excluded"):
        actions.include(work, "Stranger", "raffle")
    assert list(actions.list_excluded(work, "raffle").names) == []
    assert actions.include(work, "Stranger", "watchtime") == "Stranger"
    assert "Stranger" not in actions.list_excluded(work, "watchtime").names
