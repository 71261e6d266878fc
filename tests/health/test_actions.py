"""Health checks, also during outages."""

from datetime import UTC, datetime

from sqlalchemy import Connection

from core.health.actions import Report, examine, report
from core.health.messages import report_card as embed_of
from core.kit.database.connection import Database
from core.kit.health_item import HealthItem, State
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services

NOW = datetime(2026, 11, 21, 18, tzinfo=UTC)


def test_problems_of_a_server_are_shown_to_that_server_only(
    tx: Connection, guild_id: int, other_guild_id: int
) -> None:
    mine = HealthItem("Messages of this server", "warn", "No channel.", guild_id=guild_id)

    def check_health(_tx: Connection, _now: datetime) -> list[HealthItem]:
        return [mine]

    assert mine in examine(tx, [check_health], NOW, guild_id).parts
    assert mine not in examine(tx, [check_health], NOW, other_guild_id).parts
    assert examine(tx, [check_health], NOW, other_guild_id).overall == "ok"
    assert mine not in examine(tx, [check_health], NOW).parts


def test_report_works_without_a_database() -> None:
    gate = Database("postgresql://u:hunter2hunter2@127.0.0.1:1/x")
    found = report(Services(Settings(_env_file=None), gate, LocalBus()), ())
    assert found.overall == "down"
    assert found.parts[0].name == "Database"
    assert "hunter2" not in found.parts[0].reason


def test_features_are_checked_at_the_same_instant(tx: Connection) -> None:
    asked: list[datetime] = []

    def check_health(_tx: Connection, now: datetime) -> list[HealthItem]:
        asked.append(now)
        return []

    examine(tx, [check_health, check_health], NOW)
    assert asked == [NOW, NOW]


def _report(*states: State, reason: str = "Because.") -> Report:
    parts = tuple(HealthItem(f"Part {n}", state, reason, 75) for n, state in enumerate(states))
    return Report("down", parts, NOW)


def test_discord_report_lists_problems_first_with_their_state() -> None:
    body = embed_of(_report("ok", "warn", "down")).description or ""
    first, second, third, *_rest = body.splitlines()
    assert first == "🔴 **Part 2** · down · Because. · checked 1 min ago"
    assert second.startswith("🟡 **Part 1** · warning")
    assert third.startswith("🟢 **Part 0** · ok")
    assert "<t:" in body.splitlines()[-1]


def test_any_report_fits_discord_limits_without_mentions() -> None:
    many: list[State] = ["warn"] * 60
    embed = embed_of(_report(*many, reason="*@everyone*\n# Big " * 50))
    assert len(embed.description or "") <= 4096
    assert len(embed.title or "") <= 256
    assert "@everyone" not in (embed.description or "")
    assert "\n#" not in (embed.description or "")


def test_only_dead_letters_can_be_retried() -> None:
    dead, fine = (
        HealthItem("Inbox", "warn", "x", can_be_retried=is_public) for is_public in (True, False)
    )
    assert Report("degraded", (fine, dead), NOW).can_be_retried
    assert not Report("degraded", (fine,), NOW).can_be_retried
    assert not Report("ok", (), NOW).can_be_retried
