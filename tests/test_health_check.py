"""`health_check.py` against servers that answer well, badly and not at all."""

import json
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

import health_check

PARTS = [{"name": "Database", "state": "ok", "reason": "Answering."}]


@pytest.mark.parametrize(
    ("status", "http", "code"), [("ok", 200, 0), ("degraded", 200, 0), ("down", 503, 1)]
)
def test_exit_code_matches_the_health_status(
    httpserver: HTTPServer,
    capsys: pytest.CaptureFixture[str],
    status: str,
    http: int,
    code: int,
) -> None:
    body = json.dumps({"status": status, "parts": PARTS})
    httpserver.expect_request("/health").respond_with_data(body, status=http)
    assert health_check.main([httpserver.url_for("").rstrip("/")]) == code
    told = capsys.readouterr().out
    assert status in told
    assert "ok    Database: Answering." in told


@pytest.mark.parametrize("body", ["<html>nginx</html>", "[]", "{}", "null", ""])
def test_another_program_on_the_port_is_rejected(httpserver: HTTPServer, body: str) -> None:
    httpserver.expect_request("/health").respond_with_data(body)
    assert health_check.main([httpserver.url_for("").rstrip("/")]) == 1


def test_unreachable_server_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert health_check.main(["http://127.0.0.1:1"]) == 1
    assert "Is Regulars running" in capsys.readouterr().out


def test_invalid_settings_are_reported(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PORT", "many")
    assert health_check.main([]) == 1
    assert "PORT" in capsys.readouterr().err
