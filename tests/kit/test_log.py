"""The form of log lines, and that secrets are never logged."""

import json
import logging
import sys
from collections.abc import Callable, Iterator
from typing import Any, Literal
from urllib.parse import quote

import pytest
import structlog

from core.kit.runtime import log
from core.kit.runtime.log import name_guild, set_up_logging

SECRET = 'MTA.discord"to\\kén'
Lines = Callable[[], list[str]]


@pytest.fixture(autouse=True)
def tidy() -> Iterator[None]:
    """The test run's own logging afterwards."""
    root = logging.getLogger()
    handlers, level, configured = root.handlers[:], root.level, structlog.get_config()
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    structlog.configure(**configured)


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Lines:
    """What was written to standard error since the last look."""
    return lambda: capsys.readouterr().err.splitlines()


def break_with(text: str) -> None:
    """Fails deep enough for a traceback with a local variable in it."""
    local_copy = text
    raise RuntimeError(f"could not use {local_copy}")


def test_log_line_starts_with_the_guild_name(lines: Lines) -> None:
    set_up_logging("INFO", "json")
    name_guild(77, "Nora's Corner")
    structlog.get_logger("a").info("Went live", guild_id=77)
    assert json.loads(lines()[0])["event"] == "[Nora's Corner] Went live"


def test_unknown_guild_is_logged_by_id(lines: Lines) -> None:
    set_up_logging("INFO", "text")
    structlog.get_logger("a").info("Went live", guild_id=78)
    assert "[server 78] Went live" in lines()[0]


def test_json_line_has_level_and_utc_time(lines: Lines) -> None:
    set_up_logging("INFO", "json")
    structlog.get_logger("a").warning("Two\nlines", reason="a\nb", what=object())
    (line,) = lines()
    told = json.loads(line)
    assert (told["event"], told["level"], told["reason"]) == ("Two\nlines", "warning", "a\nb")
    assert told["timestamp"].endswith("Z")


def test_json_line_with_traceback_is_one_object(lines: Lines) -> None:
    set_up_logging("INFO", "json")
    for logger in (structlog.get_logger("ours"), logging.getLogger("foreign")):
        try:
            break_with("it")
        except RuntimeError:
            logger.exception("It broke")
    both = [json.loads(line) for line in lines()]
    assert [told["event"] for told in both] == ["It broke", "It broke"]
    assert all("could not use it" in told["exception"] for told in both)
    assert all("break_with" in told["exception"] for told in both)


@pytest.mark.parametrize("form", ["text", "json"])
@pytest.mark.parametrize("secret", [SECRET, "postgresql://u:pass word@h/db", "simple-token"])
def test_secrets_are_redacted_in_every_form(
    form: Literal["text", "json"], secret: str, lines: Lines
) -> None:
    set_up_logging("DEBUG", form, [secret])
    ours, foreign = structlog.get_logger("ours"), logging.getLogger("foreign")
    ours.info(f"ours {secret}", value=secret, inside={"deep": [secret]})
    foreign.warning("foreign %s", secret)
    foreign.warning("at %s", f"https://host/{quote(secret, safe='')}")
    for logger in (ours, foreign):
        try:
            break_with(secret)
        except RuntimeError:
            logger.exception("It broke")
    told = "\n".join(lines())
    forms = {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="")}
    assert [written for written in forms if written in told] == []
    assert told.count("[secret]") >= 6


@pytest.mark.parametrize("form", ["text", "json"])
def test_tracebacks_hide_local_variables(form: Literal["text", "json"], lines: Lines) -> None:
    set_up_logging("INFO", form)
    kept_from_the_log = "viewer@example.org"
    try:
        break_with(kept_from_the_log.partition("@")[0])
    except RuntimeError:
        structlog.get_logger("ours").exception("It broke")
    assert "example.org" not in "\n".join(lines())


def test_very_short_secret_does_not_redact_the_log(lines: Lines) -> None:
    set_up_logging("INFO", "json", ["", "e"])
    structlog.get_logger("a").info("Everything else")
    assert json.loads(lines()[0])["event"] == "Everything else"


def test_overlapping_secrets_are_fully_redacted(lines: Lines) -> None:
    set_up_logging("INFO", "json", ["password", "password-and-more"])
    structlog.get_logger("a").info("is password-and-more!")
    assert json.loads(lines()[0])["event"] == "is [secret]!"


def test_log_level_applies_and_noisy_libraries_are_quieted(lines: Lines) -> None:
    set_up_logging("INFO", "text")
    structlog.get_logger("a").debug("too quiet")
    logging.getLogger("urllib3.connectionpool").info("chatter")
    logging.getLogger("discord.gateway").info("chatter")
    logging.getLogger("alembic.runtime").warning("worth a look")
    told = "\n".join(lines())
    assert "too quiet" not in told
    assert "chatter" not in told
    assert "worth a look" in told


def test_repeated_setup_logs_each_line_once(lines: Lines) -> None:
    set_up_logging("INFO", "text")
    set_up_logging("INFO", "text")
    structlog.get_logger("a").info("Once")
    assert len(lines()) == 1


def test_bound_context_is_logged(lines: Lines) -> None:
    set_up_logging("INFO", "json")
    with structlog.contextvars.bound_contextvars(guild_id=79):
        structlog.get_logger("a").info("Inside")
    told: dict[str, Any] = json.loads(lines()[0])
    assert (told["event"], told["guild_id"]) == ("[server 79] Inside", 79)


def test_logs_go_to_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    set_up_logging("INFO", "text")
    structlog.get_logger("a").info("Hello")
    assert capsys.readouterr().out == ""
    assert log.logging.getLogger().handlers[0].stream is sys.stderr  # type: ignore[attr-defined]
