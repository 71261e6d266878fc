"""What is kept about who changed what in a server."""

from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, RowMapping, select, update

from core.guilds.tables import audit_log, guilds, settings
from core.kit.personal import Personal, Subject
from core.kit.personal_rows import may_be_about, redacted_row, row_is_about


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """What they did as an admin, what admins did about them, and the settings they made."""
    did = tx.execute(
        select(audit_log.c.at, audit_log.c.action, audit_log.c.target)
        .where(audit_log.c.guild_id == subject.guild_id, audit_log.c.actor == subject.discord_id)
        .order_by(audit_log.c.id)
    )
    made = tx.execute(
        select(settings.c.key, settings.c.set_at).where(
            settings.c.guild_id == subject.guild_id, settings.c.set_by == subject.discord_id
        )
    )
    return {
        "what_you_did_as_an_admin": [dict(row) for row in did.mappings()],
        "what_admins_did_about_you": [
            {"at": row["at"], "action": row["action"]} for row in _about(tx, subject)
        ],
        "you_are_the_contact_for_alerts": tx.execute(
            select(guilds.c.guild_id).where(_is_contact(subject))
        ).first()
        is not None,
        "settings_you_made": [dict(row) for row in made.mappings()],
    }


def _about(tx: Connection, subject: Subject) -> list[RowMapping]:
    found = tx.execute(
        select(audit_log)
        .where(audit_log.c.guild_id == subject.guild_id, may_be_about(audit_log, subject))
        .order_by(audit_log.c.id)
    )
    return [row for row in found.mappings() if row_is_about(audit_log, row, _on_platforms(subject))]


def forget(tx: Connection, subject: Subject) -> None:
    """Entries keep what was done. Who did it as an admin stays: an admin answers for that."""
    for row in _about(tx, subject):
        values = redacted_row(audit_log, row, _on_platforms(subject))
        tx.execute(update(audit_log).where(audit_log.c.id == row["id"]).values(values))
    tx.execute(update(guilds).where(_is_contact(subject)).values(contact_id=None))


def _is_contact(subject: Subject) -> ColumnElement[bool]:
    return (guilds.c.guild_id == subject.guild_id) & (guilds.c.contact_id == subject.discord_id)


def _on_platforms(subject: Subject) -> Subject:
    """The log knows members by number; a name that is like theirs on Discord is somebody else's,
    or a word of a setting."""
    return replace(subject, discord_names=())


PERSONAL = Personal(
    tables=("guild_audit_log", "guild_settings", "guilds"), collect=collect, forget=forget
)
