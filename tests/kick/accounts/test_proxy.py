"""The client's address is the one seen by our own proxy, never one claimed by the client."""

import pytest
from flask import Blueprint, request

from combined_server import web
from core.kit.feature import Feature
from tests.kick.accounts.rig import Installation


def _whoami(_services: object) -> Blueprint:
    blueprint = Blueprint("whoami", __name__)
    blueprint.get("/whoami")(lambda: f"{request.remote_addr} {request.scheme}")
    return blueprint


@pytest.mark.parametrize(
    ("public_url", "seen"),
    [("https://bot.example", "203.0.113.9 https"), (None, "127.0.0.1 http")],
    ids=["behind one proxy", "without"],
)
def test_forwarded_headers_are_trusted_for_one_hop_behind_a_proxy(
    installation: Installation, public_url: str | None, seen: str
) -> None:
    services = installation.with_settings(oauth_base_url=public_url).services
    client = web(services, (Feature("probe", pages=(_whoami,)),)).test_client()
    claimed = {"X-Forwarded-For": "198.51.100.1, 203.0.113.9", "X-Forwarded-Proto": "https"}
    assert client.get("/whoami", headers=claimed).text == seen
