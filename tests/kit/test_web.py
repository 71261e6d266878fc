"""Every page: errors become friendly pages, security headers are always set."""

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import structlog
from babel.messages import Catalog
from babel.messages.mofile import write_mo
from flask import Flask, Response, abort, render_template_string, request, session
from flask.testing import FlaskClient

from core.kit.errors import Outage, Refusal
from core.kit.text import words
from core.kit.web.app import MAX_BODY_BYTES, DeferredResponse, edge, problem


@pytest.fixture
def client() -> FlaskClient:
    app = Flask("test", static_folder=None)
    edge(app)

    @app.get("/fine")
    def fine() -> str:
        return "<p>fine</p>"

    @app.get("/refused")
    def refused() -> NoReturn:
        raise Refusal("That link has expired.", "Ask for a new one.")

    @app.get("/away/<float:seconds>")
    def away(seconds: float) -> NoReturn:
        raise Outage("the database", "connection to 10.0.0.7 refused", seconds or None)

    @app.get("/later/<int:status>")
    def later(status: int) -> Response:
        def make() -> Response:
            if status == 503:
                raise Outage("the database", "connection to 10.0.0.7 refused")
            return Response("made", status)

        return DeferredResponse(make)

    @app.get("/broken")
    def broken() -> NoReturn:
        raise RuntimeError("secret of viewer 4711")

    @app.get("/abort/<int:status>")
    def declined(status: int) -> NoReturn:
        abort(status)

    @app.get("/own")
    def own() -> Response:
        return Response("x", headers={"X-Frame-Options": "SAMEORIGIN"})

    @app.post("/echo/<name>")
    def echo(name: str) -> list[str | None]:
        return [name, request.args.get("query"), request.form.get("field")]

    return app.test_client()


def test_arguments_are_cleaned(client: FlaskClient) -> None:
    answer = client.post("/echo/a%00b?query=c%00%E2%80%AEd", data={"field": "e\0\u200bf"})
    assert answer.json == ["a\ufffdb", "cd", "ef"]


def test_refusal_is_422_with_error_and_remedy(client: FlaskClient) -> None:
    answer = client.get("/refused")
    assert answer.status_code == 422
    assert answer.json == {"error": "That link has expired.", "remedy": "Ask for a new one."}


def test_outage_is_503_with_retry_after_and_hidden_reason(client: FlaskClient) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = client.get("/away/7.2")
    assert answer.status_code == 503
    assert answer.headers["Retry-After"] == "8"
    assert answer.json == {
        "error": "The database is not answering.",
        "remedy": "Please try again shortly.",
    }
    assert "10.0.0.7" in logged[0]["reason"]


def test_deferred_response_is_made_and_its_errors_are_translated(
    client: FlaskClient,
) -> None:
    answer = client.get("/later/418")
    assert (answer.status_code, answer.text) == (418, "made")
    answer = client.get("/later/503")
    assert (answer.status_code, answer.headers["Retry-After"]) == (503, "5")
    assert answer.json == {
        "error": "The database is not answering.",
        "remedy": "Please try again shortly.",
    }


@pytest.mark.parametrize(("seconds", "header"), [("0.0", "5"), ("0.2", "1"), ("30.0", "30")])
def test_retry_after_is_whole_seconds_and_never_zero(
    seconds: str, header: str, client: FlaskClient
) -> None:
    assert client.get(f"/away/{seconds}").headers["Retry-After"] == header


def test_bug_is_500_with_a_code_that_is_in_the_log(
    client: FlaskClient,
) -> None:
    with structlog.testing.capture_logs() as logged:
        answer = client.get("/broken")
    assert answer.status_code == 500
    assert answer.json is not None
    assert answer.json["code"].startswith("RG-")
    assert "4711" not in answer.text
    assert "RuntimeError" not in answer.text
    assert [line["code"] for line in logged] == [answer.json["code"]]
    assert logged[0]["exc_info"]


@pytest.mark.parametrize(
    ("path", "status", "said"),
    [
        ("/nowhere", 404, "Not Found"),
        ("/abort/404", 404, "Not Found"),
        ("/abort/403", 403, "Forbidden"),
        ("/abort/413", 413, "Request Entity Too Large"),
    ],
)
def test_http_errors_are_json_too(path: str, status: int, said: str, client: FlaskClient) -> None:
    answer = client.get(path)
    assert (answer.status_code, answer.json) == (status, {"error": said})
    assert answer.content_type == "application/json"


def test_wrong_method_lists_allowed_methods(client: FlaskClient) -> None:
    answer = client.post("/fine")
    assert (answer.status_code, answer.json) == (405, {"error": "Method Not Allowed"})
    assert "GET" in answer.headers["Allow"]


@pytest.mark.parametrize("path", ["/fine", "/refused", "/away/1.0", "/broken", "/nowhere"])
def test_every_response_has_security_headers(path: str, client: FlaskClient) -> None:
    headers = client.get(path).headers
    policy = {part.strip() for part in headers["Content-Security-Policy"].split(";")}
    assert {"default-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} <= policy
    assert "unsafe" not in headers["Content-Security-Policy"]
    assert headers["X-Frame-Options"].upper() == "DENY"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == "no-referrer"


@pytest.mark.parametrize("is_https", [True, False])
def test_browsers_are_told_to_stay_on_https(is_https: bool) -> None:
    app = Flask("test")
    edge(app, is_https=is_https)
    headers = app.test_client().get("/").headers
    assert ("Strict-Transport-Security" in headers) == is_https


def test_page_can_set_its_own_header(client: FlaskClient) -> None:
    assert client.get("/own").headers.getlist("X-Frame-Options") == ["SAMEORIGIN"]


def test_empty_problem_fields_are_omitted() -> None:
    with Flask("test").app_context():
        assert problem(400, "No.", code="RG-1").json == {"error": "No.", "code": "RG-1"}


def test_session_starts_without_cookie_and_persists() -> None:
    app = Flask("test", static_folder=None)
    app.secret_key = "for tests only"
    edge(app)

    @app.get("/count")
    def count() -> str:
        session["count"] = session.get("count", 0) + 1
        return str(session["count"])

    visitor = app.test_client()
    assert [visitor.get("/count").text for _ in range(3)] == ["1", "2", "3"]
    assert app.test_client().get("/count").text == "1"


def test_browsers_get_html_and_other_clients_json(client: FlaskClient) -> None:
    browser = client.get(
        "/refused", headers={"Accept": "text/html,application/xml;q=0.9,*/*;q=0.8"}
    )
    assert browser.status_code == 422
    assert browser.mimetype == "text/html"
    assert "<h1>That link has expired.</h1>" in browser.text
    assert "Ask for a new one." in browser.text
    assert browser.headers["Cache-Control"] == "no-store"
    for accept in ("*/*", "application/json", "text/plain", ""):
        assert client.get("/refused", headers={"Accept": accept}).mimetype == "application/json"


def test_static_files_are_served_locally(client: FlaskClient) -> None:
    page = client.get("/refused", headers={"Accept": "text/html"}).text
    assert 'href="/static/regulars.css"' in page
    assert client.get("/static/regulars.css").mimetype == "text/css"


@pytest.fixture
def swedish(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """There is a catalogue beside English."""
    catalogue = Catalog("sv")
    catalogue.add("Something went wrong on our side.", "Något gick fel hos oss.")
    catalogue.add("Linked to %(name)s", "Länkad med %(name)s")
    file = tmp_path / "sv" / "LC_MESSAGES" / "regulars.mo"
    file.parent.mkdir(parents=True)
    with file.open("wb") as opened:
        write_mo(opened, catalogue)
    monkeypatch.setattr(words, "LOCALE_DIR", tmp_path)
    for cached in (words.languages, words._catalogue):
        cached.cache_clear()
    yield
    monkeypatch.undo()
    for cached in (words.languages, words._catalogue):
        cached.cache_clear()


@pytest.mark.usefixtures("swedish")
@pytest.mark.parametrize(
    ("asked", "language", "told"),
    [
        ("sv-SE,sv;q=0.9,en;q=0.8", "sv", "Något gick fel hos oss."),
        ("en-GB,en;q=0.9,sv;q=0.5", "en", "Something went wrong on our side."),
        ("de", "en", "Something went wrong on our side."),
        ("*;;q=x", "en", "Something went wrong on our side."),
    ],
)
def test_error_page_uses_the_browser_language(
    client: FlaskClient, asked: str, language: str, told: str
) -> None:
    page = client.get("/broken", headers={"Accept": "text/html", "Accept-Language": asked}).text
    assert f'<html lang="{language}">' in page
    assert told in page
    assert words.spoken() == "en", "nobody speaks after the page"


@pytest.mark.usefixtures("swedish")
def test_translated_template_escapes_its_arguments(client: FlaskClient) -> None:
    app = client.application

    with app.test_request_context(), words.speak("sv"):
        sentence = "{% trans name %}Linked to {{ name }}{% endtrans %}"
        assert render_template_string(sentence, name="<b>") == "Länkad med &lt;b&gt;"


def test_form_that_is_too_large_is_refused_in_words(client: FlaskClient) -> None:
    answer = client.post("/echo/a", data={"field": "x" * 1_000_000})
    assert answer.json == ["a", None, "x" * 1_000_000]
    answer = client.post(
        "/echo/a", data={"field": "x" * MAX_BODY_BYTES}, headers={"Accept": "text/html"}
    )
    assert (answer.status_code, "This is too large." in answer.text) == (413, True)


def test_unknown_url_shows_a_readable_404_page(client: FlaskClient) -> None:
    answer = client.get("/nowhere", headers={"Accept": "text/html"})
    assert answer.status_code == 404
    assert "This page does not exist." in answer.text
    assert "Not Found" not in answer.text
