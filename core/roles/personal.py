"""What roles keep about a person, and how it is forgotten."""

from typing import Any

from sqlalchemy import Connection

from core.kit.personal import Personal, Subject
from core.roles import actions, holdings


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Which reward roles the person has, had or was found with, and why."""
    rows = holdings.list_of_member(tx, subject.guild_id, subject.discord_id)
    return {"roles": rows} if rows else {}


def forget(tx: Connection, subject: Subject) -> None:
    """Roles that we gave are taken back: the link they came with is forgotten, too."""
    actions.forget_member(tx, subject.guild_id, subject.discord_id)


PERSONAL = Personal(("roles_grants",), collect, forget)
