"""Posting to the link log, in the transaction of what is logged, and switching it on and off."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from sqlalchemy import Connection

from core.guilds.actions import change_settings, load_settings, setting
from core.kit.personal import Subject
from core.kit.work import Work
from core.outbox import actions as outbox
from core.people.linklog.rules import LinkLogSettings, LinkNews, PanelNews

LINK_KIND = "people.link_log"
PANEL_KIND = "people.panel_log"

_log = structlog.get_logger(__name__)


def log_link(tx: Connection, news: LinkNews, actor_name: str, actor_picture: str) -> None:
    """Something happened to a member's link. Name and picture are empty if nobody knows them."""
    payload = {
        "kind": news.kind,
        "discord_id": news.discord_id,
        "actor_name": actor_name,
        "actor_picture": actor_picture,
        "kick_name": news.kick_name,
        "reason": news.reason,
        "actor": news.actor,
    }
    key = f"{news.kind}:{news.discord_id}:{news.kick_name}:{news.reason}"
    _post(tx, news.guild_id, LINK_KIND, key, payload, news.at)
    _log.info(
        "A link changed, or could not be made",
        kind=news.kind,
        reason=news.reason,
        member=news.discord_id,
        actor=news.actor,
        guild_id=news.guild_id,
    )


def log_forgotten(tx: Connection, subject: Subject) -> None:
    """Somebody asked to be forgotten. The log does not say who."""
    name = subject.pseudonym
    payload = {
        "kind": "forgotten",
        "discord_id": 0,
        "kick_name": name,
        "reason": None,
        "actor": 0,
    }
    _post(tx, subject.guild_id, LINK_KIND, f"forgotten:{name}", payload, subject.at)


def log_panel(work: Work, news: PanelNews, panel_channel: int, actor: int | None) -> None:
    """Something happened to a link panel. Discord does not always say who did it."""
    payload = {"news": news, "channel": panel_channel, "actor": actor}
    key = f"{news}:{panel_channel}"
    _post(work.tx, work.guild_id, PANEL_KIND, key, payload, work.now)


def _post(
    tx: Connection, guild_id: int, kind: str, key: str, payload: dict[str, Any], at: datetime
) -> None:
    declared = LinkLogSettings.declared
    channel_id = setting(tx, guild_id, declared["link_log_channel"])
    if channel_id and setting(tx, guild_id, declared["link_log"]):
        when = at.isoformat()
        with Work(tx, guild_id, now=at) as work:
            outbox.post_to_channel(
                work, channel_id, kind, f"{kind}:{key}:{when}", payload | {"at": when}
            )


@dataclass(frozen=True, slots=True)
class Status:
    """How the log is set, and the latest reason why an entry could not be delivered."""

    enabled: bool
    channel_id: int | None
    trouble: str | None


def get_status(work: Work) -> Status:
    """Settings of the log, and what could not be delivered."""
    settings = load_settings(work, LinkLogSettings)
    return Status(
        enabled=settings.link_log,
        channel_id=settings.link_log_channel or None,
        trouble=outbox.find_error(work, LINK_KIND, PANEL_KIND),
    )


def configure(work: Work, *, enabled: bool, channel_id: int | None = None) -> Status:
    """Switch the log on or off. Without a channel the one before stays."""
    change_settings(work, LinkLogSettings, link_log_channel=channel_id, link_log=enabled)
    return get_status(work)
