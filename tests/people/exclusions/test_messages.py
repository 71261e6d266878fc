"""Replies of `/exclude` and its aliases."""

from datetime import UTC, datetime

import pytest

from core.kit.database.records import MemberId, ViewerId
from core.people.exclusions import messages
from core.people.exclusions.actions import Excluded
from core.people.exclusions.records import Cause, Exclusion, Scope
from tests.embeds import ODD_TEXTS, check_harmless, check_limits

AT = datetime(2026, 3, 1, 22, tzinfo=UTC)
SCOPES: tuple[Scope, ...] = ("everything", "watchtime", "slot_calls", "raffle")


def exclusion(
    name: str, scope: Scope = "watchtime", cause: Cause = "admin", reason: str = "", number: int = 1
) -> Exclusion:
    found = Exclusion(
        viewer_id=ViewerId(number),
        scope=scope,
        cause=cause,
        reason=reason,
        excluded_by=MemberId(900) if cause == "admin" else None,
        excluded_at=AT,
        until=AT if cause == "kick_ban" else None,
    )
    found.viewer_name = name
    return found


def test_list_shows_admin_or_cause() -> None:
    found = Excluded(
        [
            exclusion("KickBot", cause="name"),
            exclusion("mad_cats", "everything", reason="alt", number=2),
            exclusion("mad_cats", cause="kick_ban", number=2),
            exclusion("leo", cause="discord_ban", number=3),
        ],
        ["Moobot"],
    )
    embed = messages.listed(found, "watchtime")
    assert embed.title == "🚫 4 are excluded"
    assert str(embed.description).split("\n")[:6] == [
        "**KickBot** · by name, seen <t:1772402400:R>",
        r"**mad\_cats** · everything · by <@900> <t:1772402400:R> · alt",
        r"**mad\_cats** · banned on Kick until <t:1772402400:R>",
        "**leo** · banned on Discord",
        "",
        "Not seen here yet: Moobot",
    ]
    everything = str(messages.listed(found, "everything").description)
    assert "**KickBot** · watchtime · by name" in everything


@pytest.mark.parametrize("scope", SCOPES)
def test_messages_name_the_undo_command(scope: Scope) -> None:
    undo = {
        "everything": "/exclude remove",
        "watchtime": "/watchexclude remove",
        "slot_calls": "/slotcalls unblock",
        "raffle": "/raffleexclude remove",
    }
    assert undo[scope] in str(messages.excluded("MadCats", scope).description)
    assert "MadCats" in str(messages.included("MadCats", scope).title)
    assert "/" in str(messages.listed(Excluded(), scope).description)
    for line in (messages.audited_exclude, messages.audited_include):
        assert "{target}" in line(None, {"scope": scope, "reason": ""})


@pytest.mark.parametrize("text", ODD_TEXTS)
def test_embeds_fit_and_escape_any_text(text: str) -> None:
    many = Excluded([exclusion(text, reason=text, number=n) for n in range(100)], [text])
    for embed in (
        messages.listed(many, "everything"),
        messages.excluded(text, "everything"),
        messages.included(text, "raffle"),
    ):
        check_limits(embed)
        check_harmless(embed, text)
