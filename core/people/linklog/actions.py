"""The link log: every link, failure, conflict and unlink, and changes of link panels."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

import structlog
from sqlalchemy import ColumnElement, select

from core.guilds.actions import load_settings
from core.kit.database.personal import Subject
from core.kit.database.records import MemberId
from core.kit.database.work import Work
from core.kit.discord.paginator import nearest_page
from core.kit.guild_settings import GuildSettings, channel, switch
from core.outbox import actions as outbox
from core.people.linklog.records import Kind, LinkLogEntry
from core.people.records import LinkAttempt

LINK_KIND = "people.link_log"
PANEL_KIND = "people.panel_log"

PanelNews = Literal["posted", "withdrawn", "gone"]

Reason = Literal[
    "expired",  # the link from Discord was opened too late
    "not_me",  # the visitor said that the Discord account is not theirs
    "other_browser",  # returned in a different browser
    "late",  # returned too late
    "denied",  # declined on the platform
    "not_accepted",  # the platform rejected the sign-in
    "no_answer",  # the platform did not respond
    "bot_refused",  # the platform rejected the bot's app
    "account_taken",  # conflict: the account is another member's
    "other_account",  # conflict: the member has linked another account of this platform
    "interrupted",  # the bot stopped in between
]
"""Why linking failed."""

_log = structlog.get_logger(__name__)


class LinkLogSettings(GuildSettings, feature="people"):
    """Settings of a server."""

    link_log: bool = switch(
        "Post every link, failure, conflict and unlink in the link log's channel.",
        default=False,
        label="Post the link log",
    )
    link_log_channel: int = channel(
        "The Discord channel of the link log. Choose one that only moderators can see."
    )


def log_link(
    work: Work,
    kind: Kind,
    discord_id: int,
    platform: str,
    name: str = "",
    reason: Reason | None = None,
) -> None:
    """Log that the actor linked or unlinked a member, or failed to.

    Args:
        name: the account's name; empty while unknown.
    """
    work.add(
        LinkLogEntry(
            at=work.now,
            kind=kind,
            discord_id=MemberId(discord_id),
            platform=platform,
            name=name,
            reason=reason,
            actor=MemberId(work.actor),
        )
    )
    asked = (
        select(LinkAttempt.discord_name, LinkAttempt.avatar_url)
        .where(LinkAttempt.discord_id == work.actor)
        .order_by(LinkAttempt.asked_at.desc())
    )
    actor_name, picture = work.execute(asked.limit(1)).first() or ("", "")
    payload = {
        "kind": kind,
        "discord_id": discord_id,
        "actor_name": actor_name,
        "actor_picture": picture,
        "platform": platform,
        "name": name,
        "reason": reason,
        "actor": work.actor,
    }
    _post(work, LINK_KIND, f"{kind}:{discord_id}:{platform}:{name}:{reason}", payload)
    _log.info(
        "Link changed, or linking failed",
        kind=kind,
        reason=reason,
        member=discord_id,
        actor=work.actor,
        guild_id=work.guild_id,
    )


@dataclass(frozen=True, slots=True)
class LogPage:
    """A page of the link log, newest entry first; `number` counts from 1."""

    entries: Sequence[LinkLogEntry]
    number: int
    pages: int
    total: int


def read_log(
    work: Work,
    per_page: int,
    number: int,
    *,
    kind: str = "",
    text: str = "",
    since: datetime | None = None,
    until: datetime | None = None,
) -> LogPage:
    """This page of the log, or the nearest one that exists.

    Args:
        kind: only this kind; empty for all.
        text: a Discord id, or the beginning of a name.
    """
    criteria: list[ColumnElement[bool]] = []
    if kind:
        criteria.append(LinkLogEntry.kind == kind)
    if text.isdecimal() and len(text) >= 15:
        criteria.append(LinkLogEntry.discord_id == int(text[:19]))
    elif text:
        name = text.removeprefix("@")
        criteria.append(LinkLogEntry.name.istartswith(name, autoescape=True))
    if since is not None:
        criteria.append(LinkLogEntry.at >= since)
    if until is not None:
        criteria.append(LinkLogEntry.at < until)
    total = work.count(LinkLogEntry.id.is_not(None), *criteria)
    number, pages = nearest_page(number, total, per_page)
    found = select(LinkLogEntry).where(*criteria).order_by(LinkLogEntry.id.desc())
    entries = work.scalars(found.limit(per_page).offset((number - 1) * per_page)).all()
    return LogPage(entries, number, pages, total)


def log_forgotten(work: Work, subject: Subject) -> None:
    """Log that a member asked to be forgotten, without saying who."""
    name = subject.pseudonym
    payload = {"kind": "forgotten", "discord_id": 0, "name": name, "reason": None, "actor": 0}
    _post(work, LINK_KIND, f"forgotten:{name}", payload)


def log_panel(work: Work, news: PanelNews, panel_channel: int, actor: MemberId | None) -> None:
    """Log a change to a link panel. Discord does not always report who made it."""
    payload = {"news": news, "channel": panel_channel, "actor": actor}
    _post(work, PANEL_KIND, f"{news}:{panel_channel}", payload)


def _post(work: Work, kind: str, key: str, payload: dict[str, Any]) -> None:
    settings, when = load_settings(work, LinkLogSettings), work.now.isoformat()
    if settings.link_log and settings.link_log_channel:
        outbox.post_to_channel(
            work,
            settings.link_log_channel,
            kind,
            f"{kind}:{key}:{when}",
            payload | {"at": when},
        )
