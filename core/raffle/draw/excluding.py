"""Excluding viewers from winning: by an admin, or because of a ban."""

from datetime import datetime

from sqlalchemy import Connection

from core.events import ViewerBanned
from core.guilds.store import post_audit
from core.kit.errors import Refusal
from core.kit.words import _
from core.people import actions as people
from core.people import store as people_store
from core.raffle.draw import exclusions


def exclude(
    tx: Connection, guild_id: int, person: str, reason: str, actor: int, now: datetime
) -> str:
    """Returns the person's name.

    Raises:
        Refusal: there is nobody of this name, or they are excluded already.
    """
    viewer = people.find_person(tx, guild_id, person)
    added = exclusions.add_exclusion(
        tx, guild_id, viewer.viewer_id, "admin", reason=reason, excluded_by=actor, now=now
    )
    if not added:
        raise Refusal(_("{name} is excluded already.").format(name=viewer.name))
    post_audit(tx, guild_id, actor, "raffle.exclude", f"viewer:{viewer.viewer_id}", after=reason)
    return viewer.name


def include(tx: Connection, guild_id: int, person: str, actor: int) -> str:
    """Let a person win again, whatever the cause was; returns the name.

    Raises:
        Refusal: there is nobody of this name, or they are not excluded.
    """
    viewer = people.find_person(tx, guild_id, person)
    if not exclusions.end_exclusion(tx, guild_id, viewer.viewer_id):
        raise Refusal(_("{name} is not excluded.").format(name=viewer.name))
    post_audit(tx, guild_id, actor, "raffle.include", f"viewer:{viewer.viewer_id}")
    return viewer.name


def on_viewer_banned(tx: Connection, event: ViewerBanned) -> None:
    """Banned or timed out in the stream's chat."""
    viewer_id = people.meet_person(tx, event.guild_id, event.platform, event.viewer, event.at)
    exclusions.add_exclusion(
        tx,
        event.guild_id,
        viewer_id,
        "kick_ban",
        reason=event.reason,
        excluded_by=None,
        now=event.at,
        until=event.until,
    )


def ban_member(tx: Connection, guild_id: int, discord_id: int, now: datetime) -> None:
    """Banned from the Discord server."""
    link = people_store.find_link(tx, guild_id, discord_id)
    if link is not None:
        exclusions.add_exclusion(
            tx, guild_id, link.viewer_id, "discord_ban", reason="", excluded_by=None, now=now
        )


def unban_member(tx: Connection, guild_id: int, discord_id: int) -> None:
    """Unbanned from the Discord server."""
    link = people_store.find_link(tx, guild_id, discord_id)
    if link is not None:
        exclusions.end_exclusion(tx, guild_id, link.viewer_id, "discord_ban")
