"""What an admin can set about suspected misses."""

from core.kit.feature import GuildSetting

HOLDOFF_MINUTES = GuildSetting(
    "kick.witness_holdoff_minutes",
    int,
    15,
    "Minutes after which something seen on Kick's realtime feed is a suspected miss if no webhook "
    "told of it. Webhooks have come ten minutes late.",
    least=1,
    most=1440,
)
