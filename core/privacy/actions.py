"""Export and deletion of a person's data. Each feature handles its own tables."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from secrets import token_urlsafe
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection, Row, select

from core.guilds.actions import audit, name_of
from core.kit.database.personal import SWEPT_AFTER, Personal, Subject
from core.kit.database.records import THE_BOT, table_of
from core.kit.database.work import ACROSS_GUILDS, Lock, Work, lock_guild, run_in_guild
from core.kit.runtime.crypto import SealBroken, Vault
from core.people.store import list_accounts
from core.privacy.records import DeletionRequest

RETRY_AFTER = timedelta(days=1)

_SUBJECT = TypeAdapter(Subject)


def who_asks(
    tx: Connection, guild_id: int, discord_id: int, names: Sequence[str], now: datetime
) -> Subject:
    """The person with their linked accounts. The links are locked until the transaction ends."""
    lock_guild(tx, guild_id, Lock.LINKS)
    accounts = list_accounts(tx, guild_id, discord_id)
    return Subject(guild_id, discord_id, now, tuple(dict.fromkeys(names)), accounts)


def collect(tx: Connection, personals: Sequence[Personal], subject: Subject) -> dict[str, Any]:
    """Everything that is stored about the person in this server."""
    data: dict[str, Any] = {
        "about": {
            "server": run_in_guild(tx, subject.guild_id, THE_BOT, subject.at, name_of),
            "server_id": subject.guild_id,
            "your_discord_id": subject.discord_id,
            "your_names_on_discord": list(subject.discord_names),
            "made_at": subject.at,
        }
    }
    for personal in personals:
        data |= personal.collect(tx, subject)
    return data


def as_file(data: Mapping[str, Any]) -> bytes:
    """The data as indented JSON."""
    return json.dumps(data, indent=2, ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds() / 60:.2f} minutes"
    return str(value)


def forget(tx: Connection, personals: Sequence[Personal], subject: Subject, vault: Vault) -> None:
    """Delete or pseudonymize the person's data; `sweep` deletes the rest some days later.

    Raises:
        Refusal: something has to be done first; nothing was changed.
    """
    with Work(tx, subject.guild_id, now=subject.at) as work:
        for lock in Lock:
            work.lock(lock)
        for personal in reversed(personals):
            personal.forget(work.tx, subject)
        audit(work, "privacy.forget", subject.pseudonym)
        work.add(
            DeletionRequest(
                request_id=token_urlsafe(12),
                subject=vault.seal(_SUBJECT.dump_json(subject).decode()),
                sweep_at=subject.at + SWEPT_AFTER,
            )
        )


_DUE = select(table_of(DeletionRequest)).order_by(DeletionRequest.sweep_at)


def list_due(tx: Connection, now: datetime) -> Sequence[Row[Any]]:
    """The requests of all guilds whose sweep is due."""
    due = _DUE.where(DeletionRequest.sweep_at <= now)
    return tx.execute(due, execution_options=ACROSS_GUILDS).all()


def sweep(work: Work, personals: Sequence[Personal], request_id: str, vault: Vault) -> bool:
    """Delete the rest, and retry every day until everything is deleted; False if the request is not
    due."""
    key = (work.guild_id, request_id)
    request = work.get(DeletionRequest, key, with_for_update=True)
    if request is None or request.sweep_at > work.now:
        return False
    request.sweep_at = work.now + RETRY_AFTER
    try:
        subject = _SUBJECT.validate_json(vault.open(request.subject))
    except SealBroken:  # the keys were changed, so the person is unknown
        work.delete(request)
        return True
    waits = [
        personal.sweep(work.tx, subject)
        for personal in reversed(personals)
        if personal.sweep is not None
    ]
    if not any(waits):
        work.delete(request)
    return True
