"""What an admin can set about the review queue."""

from core.kit.feature import GuildSetting

CONFIRMATION_MINUTES = GuildSetting(
    "kick.confirmation_minutes",
    int,
    15,
    "Minutes that an event on Kick's realtime feed waits for its webhook before admins are asked "
    "about it. Webhooks have come ten minutes late.",
    least=1,
    most=1440,
)
