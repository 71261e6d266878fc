"""Entries of the link log, written in the same transaction as their cause."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select, update

from core.events import Person
from core.guilds.records import AuditEntry
from core.kit.database.personal import Account, Subject
from core.kit.database.records import MemberId
from core.kit.database.work import run_in_guild
from core.outbox.records import messages
from core.people.linking import actions as linking
from core.people.linklog import actions
from core.people.linklog.actions import LinkLogSettings, Reason
from core.people.linklog.discord import configure
from core.people.linklog.messages import link_entry, reason_words, status
from core.people.linklog.records import Kind
from core.people.records import LinkAttempt
from tests.acting import act

T = TypeVar("T")

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
ADMIN, MIA, CHANNEL = 900, 77, 555


def log(
    tx: Connection,
    guild_id: int,
    kind: Kind = "linked",
    *,
    name: str = "MadCats",
    reason: Reason | None = None,
    actor: int = MIA,
    at: datetime = NOON,
) -> None:
    run_in_guild(tx, guild_id, actor, at, actions.log_link, kind, MIA, "kick", name, reason)


def do(tx: Connection, guild_id: int, action: Callable[..., T], *args: Any, **kwargs: Any) -> T:
    """An admin does this at noon."""
    return act(tx, guild_id, action, *args, actor=ADMIN, at=NOON, **kwargs)


def entries(tx: Connection, guild_id: int) -> list[dict[str, Any]]:
    found = tx.execute(
        select(messages.c.payload)
        .where(messages.c.guild_id == guild_id, messages.c.kind == actions.LINK_KIND)
        .order_by(messages.c.id)
    )
    return list(found.scalars())


def test_nothing_is_logged_while_off(tx: Connection, guild_id: int) -> None:
    log(tx, guild_id)
    assert entries(tx, guild_id) == []
    do(tx, guild_id, configure, link_log_channel=CHANNEL, link_log=True)
    log(tx, guild_id)
    do(tx, guild_id, configure, link_log=False)
    log(tx, guild_id, "unlinked")
    assert [entry["kind"] for entry in entries(tx, guild_id)] == ["linked"]


def test_link_is_logged_with_name_and_avatar(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    do(tx, guild_id, configure, link_log_channel=CHANNEL, link_log=True)
    attempt = LinkAttempt(
        platform="kick",
        discord_id=MemberId(MIA),
        discord_name="Mia 🐈",
        discord_handle="mia",
        avatar_url="https://cdn.example/mia.png",
        by_dm=True,
        asked_at=NOON,
    )
    mia = Person(user_id=5, name="MadCats")
    run_in_guild(tx, guild_id, MIA, NOON, linking.open_attempt, attempt)
    run_in_guild(tx, guild_id, MIA, NOON, linking.link_account, "kick", mia)
    assert entries(tx, other_guild_id) == []
    embed = link_entry(entries(tx, guild_id)[0]).embed
    assert embed.title == "✅ Linked"
    assert embed.author.name == "Mia 🐈"
    assert embed.author.icon_url == "https://cdn.example/mia.png"
    assert [field.value for field in embed.fields] == [f"<@{MIA}>", "MadCats"]
    assert embed.footer.text == f"Discord {MIA}"
    assert embed.timestamp == NOON


def test_repeated_events_are_separate_entries_and_duplicates_are_not(
    tx: Connection, guild_id: int
) -> None:
    do(tx, guild_id, configure, link_log_channel=CHANNEL, link_log=True)
    for at in (NOON, NOON, NOON + timedelta(microseconds=1)):
        log(tx, guild_id, "failed", reason="denied", at=at)
    assert len(entries(tx, guild_id)) == 2


@pytest.mark.parametrize(
    ("kind", "reason", "actor", "title"),
    [
        ("linked", None, MIA, "✅ Linked"),
        ("unlinked", None, MIA, "🔌 Unlinked"),
        ("unlinked", None, ADMIN, "🔌 Unlinked by an admin"),
        ("failed", "denied", MIA, "❌ Linking failed"),
        ("failed", "account_taken", MIA, "⚔️ Conflict: not linked"),
        ("failed", "other_account", MIA, "⚔️ Conflict: not linked"),
    ],
)
def test_each_entry_kind_has_its_own_embed(
    tx: Connection, guild_id: int, kind: Kind, reason: Reason | None, actor: int, title: str
) -> None:
    do(tx, guild_id, configure, link_log_channel=CHANNEL, link_log=True)
    log(tx, guild_id, kind, reason=reason, actor=actor, name="*Mad*_Cats_")
    embed = link_entry(entries(tx, guild_id)[0]).embed
    told = {field.name: field.value for field in embed.fields}
    assert embed.title == title
    assert told["On Kick"] == r"\*Mad\*\_Cats\_"
    assert ("Reason" in told) == (reason is not None)
    assert told.get("By") == (None if actor == MIA else f"<@{ADMIN}>")


def test_every_reason_has_a_text() -> None:
    for reason in Reason.__args__:  # type: ignore[attr-defined]
        assert " " in reason_words(reason), reason


def test_forgotten_member_is_not_named(tx: Connection, guild_id: int) -> None:
    do(tx, guild_id, configure, link_log_channel=CHANNEL, link_log=True)
    account = Account("kick", 5, 7, "MadCats")
    do(tx, guild_id, actions.log_forgotten, Subject(guild_id, MIA, NOON, ("mia",), (account,)))
    entry = entries(tx, guild_id)[0]
    assert str(MIA) not in str(entry)
    assert "MadCats" not in str(entry)
    embed = link_entry(entry).embed
    assert embed.title == "🧹 A member asked to be forgotten"
    assert "forgotten-7" in str(embed.description)


def test_turning_on_and_off_is_audited(tx: Connection, guild_id: int) -> None:
    do(tx, guild_id, configure, link_log_channel=CHANNEL, link_log=True)
    do(tx, guild_id, configure, link_log=False)
    found = tx.execute(
        select(AuditEntry.action).where(AuditEntry.guild_id == guild_id).order_by(AuditEntry.id)
    )
    assert found.scalars().all() == [
        "people.link_log_channel",
        "people.link_log",
        "people.link_log",
    ]


def test_status_names_undelivered_entries(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    for guild in (guild_id, other_guild_id):
        do(tx, guild, configure, link_log_channel=CHANNEL, link_log=True)
        log(tx, guild)
    tx.execute(
        update(messages)
        .where(messages.c.guild_id == guild_id)
        .values(state="dead", error="The Discord channel does not exist any more.")
    )
    settings, undelivered = do(tx, guild_id, configure)
    assert undelivered == "The Discord channel does not exist any more."
    assert do(tx, other_guild_id, configure)[1] == ""
    shown = status(settings, None, undelivered)
    assert str(shown.title).startswith("⚠️")
    assert "no longer exists. Choose another one" in str(shown.description)
    assert "Not delivered" in str(shown.description)


def test_status_names_missing_permissions() -> None:
    settings = LinkLogSettings(link_log=True, link_log_channel=CHANNEL)
    assert "Embed Links" in str(status(settings, ["embed_links"], "").description)
    assert str(status(settings, [], "").title).startswith("🟢")
    off = status(LinkLogSettings(link_log_channel=0), None, "")
    assert str(off.title).startswith("⚫")
    assert "`/linklogs on`" in str(off.description)
