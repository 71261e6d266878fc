"""The link log: every link, failure, conflict and unlink, and what happens to link panels."""

from typing import Any, Literal

import structlog
from sqlalchemy import select

from core.guilds.actions import load_settings
from core.kit.guild_settings import GuildSettings, channel, switch
from core.kit.personal import Subject
from core.kit.records import MemberId
from core.kit.work import Work
from core.outbox import actions as outbox
from core.people.records import LinkAttempt

LINK_KIND = "people.link_log"
PANEL_KIND = "people.panel_log"

Kind = Literal["linked", "failed", "unlinked"]
PanelNews = Literal["posted", "withdrawn", "gone"]

Reason = Literal[
    "expired",  # the link from Discord was opened too late
    "not_me",  # whoever opened the link said that the Discord account is not theirs
    "other_browser",  # came back from Kick in another browser
    "late",  # came back from Kick too late
    "denied",  # declined on Kick
    "not_accepted",  # Kick rejected the sign-in
    "kick_away",  # Kick did not answer
    "bot_refused",  # Kick rejected the bot's app
    "account_taken",  # conflict: the Kick account is another member's
    "other_account",  # conflict: the member has linked another Kick account
    "interrupted",  # the bot was stopped in the middle
]
"""Why linking failed."""

_log = structlog.get_logger(__name__)


class LinkLogSettings(GuildSettings, feature="people"):
    """What an admin can set."""

    link_log: bool = switch(
        "Whether everything that happens to links is posted in the link log's channel.",
        default=False,
    )
    link_log_channel: int = channel(
        "The Discord channel of the link log; best one that only moderators see."
    )


def log_link(
    work: Work, kind: Kind, discord_id: int, kick_name: str = "", reason: Reason | None = None
) -> None:
    """The actor has linked or unlinked a member, or failed to.

    Args:
        kick_name: empty while the account is not known.
    """
    asked = (
        select(LinkAttempt.discord_name, LinkAttempt.avatar_url)
        .where(LinkAttempt.discord_id == work.actor)
        .order_by(LinkAttempt.asked_at.desc())
    )
    name, picture = work.execute(asked.limit(1)).first() or ("", "")
    payload = {
        "kind": kind,
        "discord_id": discord_id,
        "actor_name": name,
        "actor_picture": picture,
        "kick_name": kick_name,
        "reason": reason,
        "actor": work.actor,
    }
    _post(work, LINK_KIND, f"{kind}:{discord_id}:{kick_name}:{reason}", payload)
    _log.info(
        "A link changed, or could not be made",
        kind=kind,
        reason=reason,
        member=discord_id,
        actor=work.actor,
        guild_id=work.guild_id,
    )


def log_forgotten(work: Work, subject: Subject) -> None:
    """Somebody asked to be forgotten. The log does not say who."""
    name = subject.pseudonym
    payload = {"kind": "forgotten", "discord_id": 0, "kick_name": name, "reason": None, "actor": 0}
    _post(work, LINK_KIND, f"forgotten:{name}", payload)


def log_panel(work: Work, news: PanelNews, panel_channel: int, actor: MemberId | None) -> None:
    """Something happened to a link panel. Discord does not always say who did it."""
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
