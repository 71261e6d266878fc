"""What happens to links, told to whoever keeps a log of it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

import structlog
from sqlalchemy import Connection

from core.people.linklog import actions as linklog

_log = structlog.get_logger(__name__)

Kind = Literal["linked", "failed", "unlinked"]

Reason = Literal[
    "expired",  # the link from Discord was too old when it was followed
    "not_me",  # whoever opened the link said that the Discord account is not theirs
    "other_browser",  # came back from Kick in another browser than went there
    "late",  # came back from Kick too late
    "denied",  # declined on Kick
    "not_accepted",  # Kick did not take the sign-in
    "kick_away",  # Kick did not answer
    "bot_refused",  # Kick does not take the bot's app
    "account_taken",  # conflict: the Kick account is another member's
    "other_account",  # conflict: the member has linked another Kick account
    "interrupted",  # the bot was stopped in the middle of it
]


@dataclass(frozen=True, slots=True)
class Happening:
    """Something that happened to a member's link, or to an attempt to make one.

    Attributes:
        discord_id: the member whose link it is, or was to be.
        kick_name: the account; "" while it is not known.
        reason: why it failed; None for what did not.
        actor: Discord id of who did it: the member, or an admin.
    """

    guild_id: int
    kind: Kind
    discord_id: int
    kick_name: str
    reason: Reason | None
    actor: int
    at: datetime


def note(tx: Connection, happening: Happening) -> None:
    """Keep it, in the transaction in which it happens, and tell it in the link log."""
    linklog.note_link(tx, happening)
    _log.info(
        "A link",
        kind=happening.kind,
        reason=happening.reason,
        member=happening.discord_id,
        actor=happening.actor,
        guild_id=happening.guild_id,
    )
