"""What the link log tells, and its settings."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from core.kit.guild_settings import GuildSettings, channel, switch

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


class LinkLogSettings(GuildSettings, feature="people"):
    """What an admin can set."""

    link_log: bool = switch(
        "Whether everything that happens to links is posted in the link log's channel.",
        default=False,
    )
    link_log_channel: int = channel(
        "The Discord channel of the link log; best one that only moderators see."
    )


@dataclass(frozen=True, slots=True)
class LinkNews:
    """Something that happened to a member's link, or to an attempt to make one.

    Attributes:
        discord_id: the member's.
        kick_name: empty while the account is not known.
        reason: why it failed.
        actor: Discord id of the member or the admin who did it.
    """

    guild_id: int
    kind: Kind
    discord_id: int
    kick_name: str
    reason: Reason | None
    actor: int
    at: datetime
