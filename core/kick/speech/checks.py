"""What speaking has to say on the health page."""

from datetime import datetime

from sqlalchemy import Connection

from core.kick.speech import store
from core.kit.part import Part


def look(tx: Connection, now: datetime) -> list[Part]:
    """One line for each server that wanted to say something and could not."""
    return [
        Part(
            "Kick chat",
            "warn",
            f"A line could not be said: {one.reason}",
            (now - one.at).total_seconds(),
            guild_id=one.guild_id,
        )
        for one in store.list_unsaid(tx)
    ]
