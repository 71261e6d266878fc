"""What a server's admin can set about watchtime."""

from core.kit.room import GuildSetting

ENABLED = GuildSetting("watchtime.enabled", bool, True, "Whether chatting earns watchtime.")

WINDOW_MINUTES = GuildSetting(
    "watchtime.window_minutes",
    int,
    10,
    "For how many minutes after each chat message a viewer counts as watching.",
    least=1,
    most=60,
)

IGNORED_NAMES = GuildSetting(
    "watchtime.ignored_names",
    str,
    "BotRix, KickBot, KicksBot, StreamElements, Streamlabs, Nightbot, Fossabot, Moobot, Wizebot, "
    "MixItUp, Streamer.bot, Firebot, Lumia, CommanderRoot",
    "Chat bots that earn no watchtime: names on the platform, separated by commas.",
)
