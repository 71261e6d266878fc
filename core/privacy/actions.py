"""What one can do with what is stored about a person. Each feature does it with its own tables."""

import json
from collections.abc import Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import Any

from pydantic import TypeAdapter
from sqlalchemy import Connection

from core.guilds import store as guilds
from core.kit.crypto import SealBroken, Vault
from core.kit.personal import SWEPT_AFTER, Personal, Subject
from core.kit.work import Lock, lock_guild
from core.people.linking.store import lock_member
from core.people.store import list_accounts
from core.privacy import store
from core.privacy.store import Wish

AGAIN_AFTER = timedelta(days=1)

_SUBJECT = TypeAdapter(Subject)


def who_asks(
    tx: Connection, guild_id: int, discord_id: int, names: Sequence[str], now: datetime
) -> Subject:
    """The person as this server knows them. Nothing of their links changes until the transaction
    ends."""
    lock_member(tx, guild_id, discord_id)
    accounts = list_accounts(tx, guild_id, discord_id)
    return Subject(guild_id, discord_id, now, tuple(dict.fromkeys(names)), accounts)


def collect(tx: Connection, personals: Sequence[Personal], subject: Subject) -> dict[str, Any]:
    """Everything that is stored about the person in this server."""
    data: dict[str, Any] = {
        "about": {
            "server": guilds.list_names(tx).get(subject.guild_id, ""),
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
    """The same as JSON that people can read."""
    return json.dumps(data, indent=2, ensure_ascii=False, default=_plain).encode()


def _plain(value: Any) -> Any:
    match value:
        case datetime() | date():
            return value.isoformat()
        case timedelta():
            return f"{value.total_seconds() / 60:.2f} minutes"
    return str(value)


def forget(tx: Connection, personals: Sequence[Personal], subject: Subject, vault: Vault) -> None:
    """Delete what is about the person, or cut it loose; what has to stay for some days goes with
    `sweep`. Doing it again finds nothing.

    Raises:
        Refusal: a feature says what has to be done first; nothing has changed.
    """
    for lock in Lock:
        lock_guild(tx, subject.guild_id, lock)
    for personal in reversed(personals):
        personal.forget(tx, subject)
    guilds.post_audit(tx, subject.guild_id, 0, "privacy.forget", subject.pseudonym)
    sealed = vault.seal(_SUBJECT.dump_json(subject).decode())
    store.add_wish(tx, subject.guild_id, sealed, subject.at + SWEPT_AFTER)


def sweep(
    tx: Connection, personals: Sequence[Personal], wish: Wish, vault: Vault, now: datetime
) -> bool:
    """Do what is left of a wish, and again every day while something has to wait; False when
    somebody was faster."""
    if not store.put_off_wish(tx, wish, now, now + AGAIN_AFTER):
        return False
    try:
        subject = _SUBJECT.validate_json(vault.open(wish.subject))
    except SealBroken:  # the keys were changed, so nobody can tell any more who it was
        store.end_wish(tx, wish)
        return True
    waits = [one.sweep(tx, subject) for one in reversed(personals) if one.sweep is not None]
    if not any(waits):
        store.end_wish(tx, wish)
    return True
