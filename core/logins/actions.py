"""Logging in and out. The cookie holds a random token, the database its hash."""

import secrets
from datetime import datetime, timedelta

from sqlalchemy import Connection, delete, select, update
from sqlalchemy.orm import Session

from core.kit.database.records import MemberId
from core.kit.runtime.crypto import hash_of
from core.kit.web.guild_pages import Person
from core.logins.records import WebSession

IDLE_DAYS = 7
MAX_DAYS = 30
_SEEN_EVERY = timedelta(minutes=10)


def log_in(tx: Connection, person: Person, guild_ids: list[int], now: datetime) -> str:
    """Start a session; returns its token."""
    token = secrets.token_urlsafe(32)
    with Session(tx) as session:
        session.add(
            WebSession(
                token_hash=hash_of(token),
                discord_id=MemberId(person.discord_id) if not person.is_streamer else None,
                twitch_user_id=person.twitch_id,
                name=person.name,
                avatar_url=person.avatar_url,
                guild_ids=guild_ids,
                began_at=now,
                seen_at=now,
            )
        )
        session.flush()
    return token


def find_session(
    tx: Connection, token: str, now: datetime, *, is_use: bool = True
) -> WebSession | None:
    """The session of a token, unless it has ended or expired. Each use makes it last longer."""
    with Session(tx, expire_on_commit=False) as session:
        found = session.scalar(select(WebSession).where(WebSession.token_hash == hash_of(token)))
        if found is None or _is_over(found, now):
            return None
        session.expunge(found)
    if is_use and now - found.seen_at > _SEEN_EVERY:
        mine = WebSession.token_hash == found.token_hash
        tx.execute(update(WebSession).where(mine).values(seen_at=now))
    return found


def _is_over(found: WebSession, now: datetime) -> bool:
    idle, age = now - found.seen_at, now - found.began_at
    return idle > timedelta(days=IDLE_DAYS) or age > timedelta(days=MAX_DAYS)


def log_out(tx: Connection, token: str) -> None:
    """End this session."""
    tx.execute(delete(WebSession).where(WebSession.token_hash == hash_of(token)))


def log_out_everywhere(tx: Connection, login: WebSession) -> None:
    """End all sessions of the same person."""
    same = (
        WebSession.discord_id == login.discord_id
        if login.discord_id is not None
        else WebSession.twitch_user_id == login.twitch_user_id
    )
    tx.execute(delete(WebSession).where(same))


def forget_expired(tx: Connection, now: datetime) -> None:
    """Delete the sessions that have expired."""
    idle = WebSession.seen_at < now - timedelta(days=IDLE_DAYS)
    old = WebSession.began_at < now - timedelta(days=MAX_DAYS)
    tx.execute(delete(WebSession).where(idle | old))
