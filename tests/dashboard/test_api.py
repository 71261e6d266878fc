"""The HTTP API: every endpoint as every kind of caller, and its document against its answers."""

from typing import Any

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, Phase, given, seed, settings
from limits import RateLimitItemPerMinute
from schemathesis.core.result import Ok
from schemathesis.specs.openapi import checks as openapi_checks
from sqlalchemy import update
from werkzeug.test import TestResponse

from core.api_tokens import actions as tokens
from core.dashboard import api as served
from core.features import load_features
from core.guilds import actions as guilds
from core.guilds.records import Guild
from core.kit.errors import Outage
from core.kit.web.api import Endpoint, Scope
from tests.dashboard.site import GUILD, IDS, OTHER_GUILD, Site, csrf_token

ENDPOINTS = [
    endpoint
    for api in (*(feature.api for feature in load_features() if feature.api), served.OWN)
    for endpoint in api.endpoints
    if not endpoint.secret
]
"""For tokens and sessions."""

NAMES = [f"{endpoint.method} {endpoint.path}" for endpoint in ENDPOINTS]
every_endpoint = pytest.mark.parametrize("endpoint", ENDPOINTS, ids=NAMES)
GROUP_OF_NOBODY = "games"


def make_token(site: Site, scope: Scope = "write", guild_id: int = GUILD) -> str:
    with site.services.work_in(guild_id, IDS["nora"]) as work:
        return tokens.create_token(work, f"a {scope} token", scope)


class Program:
    """Something that uses the API, by token or with the cookies of a browser."""

    def __init__(self, site: Site, token: str = "", person: str = "") -> None:
        visitor = site.visitor(person)
        self.client: FlaskClient = visitor._client
        self.headers = {"Authorization": f"Bearer {token}"} if token else {}

    def ask(self, endpoint: Endpoint, query: str = "", **headers: str) -> TestResponse:
        body: Any = {} if endpoint.method in ("GET", "DELETE") else {"json": {}}
        return self.client.open(
            f"/api{endpoint.path}{query}",
            method=endpoint.method,
            headers={**self.headers, **headers},
            **body,
        )

    def status(self, endpoint: Endpoint, query: str = "") -> int:
        answer = self.ask(endpoint, query)
        if answer.status_code >= 400:
            assert answer.mimetype == "application/problem+json"
            assert answer.json is not None
            assert answer.json["status"] == answer.status_code
        answer.close()
        return answer.status_code


WORKED = (200, 201, 404, 422)
"""The caller came through; what an empty request asks for may not exist, or make no sense."""


# -- who may ask ----------------------------------------------------------------------------------


@every_endpoint
def test_only_tokens_and_sessions_of_the_server_get_an_answer(
    site: Site, endpoint: Endpoint
) -> None:
    here = f"?server={GUILD}"
    assert Program(site).status(endpoint, here) == 401
    assert Program(site, "rgl_wrong").status(endpoint) == 401
    token = make_token(site)
    assert Program(site, token).status(endpoint) in WORKED
    assert Program(site, token).status(endpoint, here) in WORKED
    # A token and a session of another server look as if this one did not exist.
    assert Program(site, token).status(endpoint, f"?server={OTHER_GUILD}") == 404
    assert Program(site, person="vera").status(endpoint, here) == 404
    assert Program(site, person="mia").status(endpoint, here) == 403
    assert Program(site, person="nora").status(endpoint) == 400
    # A session is not enough to change something.
    expected = WORKED if endpoint.scope == "read" else (400,)
    assert Program(site, person="nora").status(endpoint, here) in expected


@every_endpoint
def test_moderators_need_the_group(site: Site, endpoint: Endpoint) -> None:
    if not endpoint.group:
        return
    site.discord.member("mia", roles=["Regular"])
    try:
        site.grant("Regular", GROUP_OF_NOBODY)
        moderator = Program(site, person="mia")
        query = f"?server={GUILD}"
        assert moderator.status(endpoint, query) == (403 if endpoint.scope == "read" else 400)
        site.grant("Regular", endpoint.group)
        assert moderator.status(endpoint, query) in (WORKED if endpoint.scope == "read" else (400,))
    finally:
        site.discord.member("mia", roles=[])


@every_endpoint
def test_read_tokens_change_nothing(site: Site, endpoint: Endpoint) -> None:
    found = Program(site, make_token(site, "read")).status(endpoint)
    assert found in WORKED if endpoint.scope == "read" else found == 403


def test_tokens_end_when_they_are_revoked_and_when_the_bot_leaves(site: Site) -> None:
    token = make_token(site)
    program, log = Program(site, token), ENDPOINTS[NAMES.index("GET /audit-log")]
    assert program.status(log) == 200
    with site.services.work_in(GUILD) as work:
        work.execute(update(Guild).values(left_at=work.now))
    assert program.status(log) == 404
    with site.services.work_in(GUILD) as work:
        work.execute(update(Guild).values(left_at=None))
        assert tokens.list_tokens(work)[0].used_at == work.now
        tokens.revoke_token(work, "a write token")
    assert program.status(log) == 401


def test_a_server_never_sees_what_another_one_did(site: Site) -> None:
    for guild_id in (GUILD, OTHER_GUILD):
        with site.services.work_in(guild_id, IDS["nora"]) as work:
            guilds.audit(work, "games.ban", f"of {guild_id}")
    log = ENDPOINTS[NAMES.index("GET /audit-log")]
    found = Program(site, make_token(site, guild_id=OTHER_GUILD)).ask(log, "?feature=games").json
    assert found is not None
    assert [entry["target"] for entry in found["entries"]] == [f"of {OTHER_GUILD}"]


def test_a_session_changes_something_with_the_csrf_header_only(site: Site) -> None:
    """By way of the same check as every endpoint; no endpoint of its own is needed to try it."""
    endpoint = next((each for each in ENDPOINTS if each.scope == "write"), None)
    if endpoint is None:
        return
    program = Program(site, person="nora")
    page = program.client.get(f"/g/{GUILD}/api_tokens")
    sent = program.ask(endpoint, f"?server={GUILD}", **{"X-CSRFToken": csrf_token(page)})
    assert sent.status_code in WORKED


@every_endpoint
def test_a_streamer_who_signed_in_with_twitch_is_refused(site: Site, endpoint: Endpoint) -> None:
    """Their rights are those of pages; a program of theirs needs a token."""
    site.connect_twitch()
    program = Program(site)
    program.client = site.streamer()._client
    assert program.status(endpoint, f"?server={GUILD}") == 403
    assert program.status(endpoint, f"?server={OTHER_GUILD}") == 404


# -- errors ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [("GET", "/api/nothing", 404), ("PUT", "/api/audit-log", 405), ("GET", "/api/", 404)],
)
def test_errors_of_the_web_server_are_problem_details(
    site: Site, method: str, path: str, status: int
) -> None:
    found = Program(site).client.open(path, method=method, headers={"Accept": "text/html"})
    assert (found.status_code, found.mimetype) == (status, "application/problem+json")
    assert found.json is not None
    assert found.json["status"] == status


def test_wrong_fields_are_named(site: Site) -> None:
    log = ENDPOINTS[NAMES.index("GET /audit-log")]
    found = Program(site, make_token(site)).ask(log, "?limit=0&actor=nora&typo=1")
    assert found.json is not None
    assert found.status_code == 422
    assert {error["field"] for error in found.json["errors"]} == {"limit", "actor", "typo"}


WRITING = next(each for each in ENDPOINTS if each.method == "POST" and each.asks)


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b" " * (served.MAX_BYTES + 1), "application/json", 413),
        (b"{}", "text/plain", 415),
        (b"viewer=mia", "application/x-www-form-urlencoded", 415),
        (b"{", "application/json", 400),
        (b"[]", "application/json", 422),
    ],
)
def test_bodies_that_are_no_json_or_too_large(
    site: Site, body: bytes, kind: str, status: int
) -> None:
    program = Program(site, make_token(site))
    found = program.client.post(
        f"/api{WRITING.path}", data=body, content_type=kind, headers=program.headers
    )
    assert (found.status_code, found.mimetype) == (status, "application/problem+json")
    assert found.json is not None
    assert found.json["status"] == status


def test_lists_come_in_parts(site: Site) -> None:
    for number in range(5):
        with site.services.work_in(GUILD, IDS["nora"]) as work:
            guilds.audit(work, "games.ban", str(number))
    program, log = Program(site, make_token(site)), ENDPOINTS[NAMES.index("GET /audit-log")]
    found, query = [], "?feature=games&limit=2"
    for _part in range(3):
        part: Any = program.ask(log, query).json
        found.append([entry["target"] for entry in part["entries"]])
        query = f"?feature=games&limit=2&cursor={part['next_cursor']}"
        assert (part["next_cursor"] is None) == (len(found) == 3)
    assert found == [["4", "3"], ["2", "1"], ["0"]]


def test_too_many_requests_get_the_time_to_wait(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(served, "CALLS", RateLimitItemPerMinute(2))
    program, log = Program(site, make_token(site)), ENDPOINTS[NAMES.index("GET /audit-log")]
    found = [program.ask(log) for _time in range(3)]
    assert [answer.status_code for answer in found] == [200, 200, 429]
    assert 1 <= int(found[-1].headers["Retry-After"]) <= 60


def test_bugs_and_outages_are_problem_details(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    program, log = Program(site, make_token(site)), ENDPOINTS[NAMES.index("GET /audit-log")]
    for raised, status in ((Outage("Twitch"), 503), (RuntimeError("boo"), 500)):

        def fail(*_arguments: Any, error: Exception = raised) -> None:
            raise error

        monkeypatch.setattr("core.settings.actions.read_log", fail)
        assert program.status(log) == status


# -- the document ---------------------------------------------------------------------------------


def test_ids_are_strings_and_times_have_an_offset(site: Site) -> None:
    make_token(site)
    log = ENDPOINTS[NAMES.index("GET /audit-log")]
    found = Program(site, make_token(site, "read")).ask(log).json
    assert found is not None
    entry = found["entries"][0]
    assert entry["actor"] == str(IDS["nora"])
    assert entry["at"].endswith("Z")


def test_the_documentation_names_every_endpoint(site: Site) -> None:
    page = Program(site).client.get("/api/docs", headers={"Accept": "text/html"})
    assert page.status_code == 200
    assert "<script>" not in page.text
    for endpoint in ENDPOINTS:
        assert f"{endpoint.method} /api{endpoint.path}" in page.text


def test_the_timers_endpoint_is_documented_with_its_own_secret(site: Site) -> None:
    found = Program(site).client.get("/api/openapi.json").json
    assert found is not None
    timer = found["paths"]["/api/cron/remove-expired-vips"]["post"]
    assert timer["security"] == [{"secret": []}]
    assert timer["parameters"] == []


def test_the_stream_says_what_changes_and_ends_with_the_token(site: Site) -> None:
    token = make_token(site)
    stream = Program(site, token).ask(ENDPOINTS[NAMES.index("GET /ws")])
    messages = iter(stream.response)
    assert "open" in str(next(messages))
    assert "anything" in str(next(messages))
    with site.services.work_in(GUILD) as work:
        tokens.revoke_token(work, "a write token")
    assert list(messages) == []


def test_random_requests_find_no_bug_and_no_undocumented_answer(
    site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`schemathesis` makes requests from the document."""
    for limit in ("CALLS", "CHANGES"):
        monkeypatch.setattr(served, limit, RateLimitItemPerMinute(100_000))
    headers = {"Authorization": f"Bearer {make_token(site)}"}
    schema = schemathesis.openapi.from_wsgi("/api/openapi.json", site.app)
    tried = 0

    def attempt(case: schemathesis.Case) -> None:
        nonlocal tried
        tried += 1
        case.call_and_validate(headers=headers, checks=CHECKS)

    for found in schema.exclude(path="/api/ws").get_all_operations():  # a stream does not end
        assert isinstance(found, Ok)
        seed(1)(FEW(given(found.ok().as_strategy())(attempt)))()
    assert tried >= len(ENDPOINTS) - 1


CHECKS = [
    schemathesis.checks.not_a_server_error,
    openapi_checks.status_code_conformance,
    openapi_checks.content_type_conformance,
    openapi_checks.response_schema_conformance,
]
FEW = settings(
    max_examples=25,
    deadline=None,
    database=None,
    phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)
