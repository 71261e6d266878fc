"""The audit log for programs."""

from datetime import datetime
from typing import Any

from pydantic import Field

from core.guilds.records import AuditEntry
from core.kit.web.api import Api, ApiModel, Call, Id, Instant, Paging, Part, SentId, part_of
from core.settings import actions

API = Api("settings")


class LogQuery(Paging):
    """Query of the audit log."""

    actor: SentId | None = Field(None, description="Discord id of who did it.")
    feature: str = Field("", max_length=40, description="Such as `raffle`.")
    text: str = Field("", max_length=100, description="Part of what the entry says.")
    since: Instant | None = None
    until: Instant | None = Field(None, description="Only what is older.")


class LogEntry(ApiModel):
    """Something that an admin or the bot changed."""

    id: Id
    at: datetime
    actor: Id = Field(description="Discord id; 0 is the bot.")
    action: str
    target: str
    before: Any
    after: Any


class LogList(Part):
    """Entries, the newest first."""

    entries: list[LogEntry]


@API.get("/audit-log")
def list_audit_log(call: Call, asked: LogQuery) -> LogList:
    """List the audit log."""
    wanted = actions.LogFilter(
        actor=asked.actor,
        prefix=f"{asked.feature}." if asked.feature else "",
        text=asked.text,
        since=asked.since,
        until=asked.until,
        before=asked.cursor,
    )
    found = call.run(actions.read_log, asked.limit + 1, 1, wanted).entries
    shown, following = part_of(found, asked.limit, lambda entry: entry.id)
    return LogList(entries=[_entry(entry) for entry in shown], next_cursor=following)


def _entry(entry: AuditEntry) -> LogEntry:
    return LogEntry(
        id=entry.id,
        at=entry.at,
        actor=entry.actor,
        action=entry.action,
        target=entry.target,
        before=entry.before,
        after=entry.after,
    )
