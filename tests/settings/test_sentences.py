"""The text of audit log entries: sentences with amounts, times and dates for people."""

from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from core.features import load_features
from core.guilds.records import AuditEntry
from core.kit.database.records import MemberId
from core.kit.web.guild_pages import local_time
from core.settings.messages import Style, sentence

LINES = {action: line for feature in load_features() for action, line in feature.audit.items()}
STYLE = Style(lambda _declared, value: str(value), str)


def said(action: str, target: str, before: Any = None, after: Any = None) -> str:
    entry = AuditEntry(actor=MemberId(7), action=action, target=target, before=before, after=after)
    return sentence(entry, {5: "MadCats"}, {}, LINES, STYLE)


@pytest.mark.parametrize(
    ("expected", "action", "target", "before", "after"),
    [
        ("extended the VIP of MadCats by 1 day", "vips.extend", "viewer:5", None, 1440),
        ("extended all VIPs (3) by 1 h 30 min", "vips.extend_all", "3", None, 90),
        ("retried paying 1 point of heist #4", "heist.pay_again", "#4", None, 1),
        ("created the reward VIP for 500 points", "vips.reward_create", "VIP", None, 500),
        ("imported points for 1 viewer: 50 in total", "points.import", "", 1, 50),
        ("changed Regular from 10 h 00 min to 2 days", "roles.update", "Regular", 600, 2880),
        ("added Regular at 45 min", "roles.add", "Regular", None, 45),
        (
            "changed the watchtime of Mia from 0 s to 1 h 00 min: late",
            "watchtime.adjust",
            "Mia",
            {"minutes": 0},
            {"minutes": 60, "reason": "late"},
        ),
        ("counted held wagers of MadCats: $1,234.50", "wagers.release", "viewer:5", None, "1234.5"),
        (
            "undid the last step of hunt #2 (guessing opened)",
            "bonus_hunt.undo",
            "#2",
            None,
            "guess_open",
        ),
        (
            "let Helper use the command group Slot requests",
            "guilds.grant",
            "Helper",
            None,
            "slot_calls",
        ),
        (
            "took the command group Slot requests from Helper",
            "guilds.revoke",
            "Helper",
            "slot_calls",
            None,
        ),
        ("created the API token x (read and write)", "api_tokens.create", "x", None, "write"),
        ("skipped winner 1 of raffle #3: banned", "raffle.pick", "#3.1", None, "banned"),
        ("unlinked the Kick account of MadCats", "wagers.unlink", "viewer:5", "kick", None),
        (
            "gave the overlay “Slot requests” a new address",
            "overlays.rotate",
            "requests",
            None,
            "requests",
        ),
        ("claimed prize 1 of raffle #3", "raffle.claim", "#3.1", None, "MadCats"),
    ],
)
def test_entry_reads_as_a_sentence(
    expected: str, action: str, target: str, before: Any, after: Any
) -> None:
    assert said(action, target, before, after) == expected


def test_dates_have_one_style_with_their_zone() -> None:
    noon = datetime(2026, 7, 1, 12, tzinfo=UTC)
    assert local_time(noon, ZoneInfo("Europe/Stockholm")) == "2026-07-01 14:00 CEST"
    assert local_time(noon, ZoneInfo("UTC")) == "2026-07-01 12:00 UTC"
