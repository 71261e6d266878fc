"""`/health` for machines, the front page for people, and `health_check.py` between them."""

from datetime import datetime

import pytest
from flask.testing import FlaskClient
from pydantic import SecretStr
from sqlalchemy import Connection

from combined_server import web
from core.dashboard.feature import make_feature as make_dashboard
from core.health.feature import make_feature
from core.kit.bus import LocalBus
from core.kit.database import Database
from core.kit.feature import Feature
from core.kit.health_item import HealthItem, State
from core.kit.services import Services
from core.kit.settings import Settings


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
    answer = client(database, HealthItem("Kick", state, "Because.", 3.14159)).get("/health")
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


def test_public_page_shows_nothing_about_single_servers(database: Database) -> None:
    part = HealthItem("Messages of this server", "warn", "Channel #secret is gone.", guild_id=5)
    for path in ("/health", "/"):
        assert "secret" not in client(database, part).get(path).text


def test_front_page_shows_and_escapes_every_part(database: Database) -> None:
    page = client(database, HealthItem("Kick", "warn", "<script>alert(1)</script>")).get("/").text
    assert "&lt;script&gt;" in page
    assert "<script>" not in page
    assert "Kick" in page


def test_metrics_are_served_for_prometheus(database: Database) -> None:
    answer = client(database).get("/metrics")
    assert answer.status_code == 200
    assert b"python_info" in answer.data
