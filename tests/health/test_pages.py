"""`/health` for machines, the front page for people, and `health_check.py` between them."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Connection

from combined_server import web
from core.dashboard.feature import make_feature as make_dashboard
from core.health import actions
from core.health.actions import Reports
from core.health.feature import make_feature
from core.kit.database.connection import Database
from core.kit.feature import Feature
from core.kit.health_item import HealthItem, State
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.crypto import health_token
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from tests.patience import PATIENCE, until

TOKEN = health_token(Settings(_env_file=None, flask_secret_key=SecretStr("a key of the tests")))
SEES_REASONS = {"Authorization": f"Bearer {TOKEN}"}


def client(database: Database, *parts: HealthItem) -> FlaskClient:
    def check_health(_tx: Connection, _now: datetime) -> list[HealthItem]:
        return list(parts)

    settings = Settings(_env_file=None, flask_secret_key=SecretStr("a key of the tests"))
    services = Services(settings, database, LocalBus())
    health = make_feature([Feature("feature", checks=(check_health,))])
    return web(services, [health, make_dashboard([])]).test_client()


@pytest.mark.parametrize(
    ("state", "status", "code"),
    [("ok", "ok", 200), ("warn", "degraded", 200), ("down", "down", 503)],
)
def test_only_down_is_an_error_status(
    database: Database, state: State, status: str, code: int
) -> None:
    answer = client(database, HealthItem("Kick", state, "Because.", 3.14159)).get(
        "/health", headers=SEES_REASONS
    )
    assert answer.status_code == code
    assert answer.json is not None
    assert answer.json["status"] == status
    assert datetime.fromisoformat(answer.json["at"]).tzinfo is not None
    assert answer.json["parts"] == [
        {"name": "Database", "state": "ok", "reason": "Answering."},
        {
            "name": "Kick",
            "state": state,
            "reason": "Because.",
            "age_seconds": 3.1,
            "age_of": "checked",
        },
    ]
    assert answer.headers["Cache-Control"] == "no-store"


def test_unreachable_database_is_reported_without_traceback() -> None:
    away = client(Database("postgresql://127.0.0.1:1/x"))
    answer = away.get("/health")
    assert answer.status_code == 503
    assert answer.json is not None
    assert answer.json["parts"][0]["state"] == "down"
    assert away.get("/").status_code == 200


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer guessed"}], ids=["", "guessed"])
@pytest.mark.parametrize("path", ["/health", "/"])
def test_strangers_see_states_without_reasons(
    database: Database, path: str, headers: dict[str, str]
) -> None:
    parts = [
        HealthItem("Task raffle.draw", "warn", "It failed at db.internal."),
        HealthItem("Database locks", "warn", "a lock on heists, held by psql (process 4711)"),
    ]
    answer = client(database, *parts).get(path, headers=headers)
    assert "Database locks" in answer.text
    assert "Tasks" in answer.text
    for secret in ("raffle.draw", "db.internal", "psql", "4711"):
        assert secret not in answer.text


def test_everybody_gets_one_report_which_waits_for_nobody(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also while a check hangs."""
    monkeypatch.setattr(actions, "REPORT_SECONDS", 0.2)
    hangs = threading.Event()
    made: list[None] = []

    def check_health(_tx: Connection, _now: datetime) -> list[HealthItem]:
        made.append(None)
        assert hangs.wait(PATIENCE)
        return []

    services = Services(Settings(_env_file=None), database, LocalBus())
    reports = Reports((check_health,))
    with ThreadPoolExecutor(30) as threads:
        told = list(threads.map(lambda _n: reports.newest(services), range(30)))
        assert {(part.overall, part.parts[0].reason) for part in told} == {
            ("down", "It is not answering: no answer in time")
        }
        hangs.set()
        until(lambda: reports.newest(services).overall == "ok", "recovery")
        list(threads.map(lambda _n: reports.newest(services), range(30)))
    assert len(made) == 1


def test_livez_needs_no_database() -> None:
    away = client(Database("postgresql://127.0.0.1:1/x"))
    assert (away.get("/livez").status_code, away.get("/livez").text) == (200, "ok\n")


def test_public_page_shows_nothing_about_single_servers(database: Database) -> None:
    part = HealthItem("Messages of this server", "warn", "Channel #secret is gone.", guild_id=5)
    for path in ("/health", "/"):
        page = client(database, part).get(path, headers=SEES_REASONS).text
        assert "secret" not in page
        assert "Messages" not in page


def test_front_page_shows_and_escapes_every_part(database: Database) -> None:
    page = client(database, HealthItem("<script>alert(1)</script>", "warn", "x")).get("/").text
    assert "&lt;script&gt;" in page
    assert "<script>alert" not in page


def test_metrics_are_served_for_prometheus(database: Database) -> None:
    answer = client(database).get("/metrics")
    assert answer.status_code == 200
    assert b"python_info" in answer.data
