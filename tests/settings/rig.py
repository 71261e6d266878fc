"""Shared by the tests of settings: settings of every kind, as a feature would declare them."""

from typing import Any

from core.kit.feature import Feature
from core.kit.guild_settings import GuildSetting

ENABLED = GuildSetting("game.enabled", bool, True, "Whether there is a game.")
CHANNEL = GuildSetting(
    "game.channel",
    int,
    0,
    "Where the game is.",
    environment="slot_calls_channel_id",
    of="channel",
)
ROLE = GuildSetting("game.role", int, 0, "Who may play.", of="role")
SECONDS = GuildSetting("game.seconds", int, 30, "How long a round is.", minimum=1, maximum=3600)
LEAST = GuildSetting("game.least_players", int, 2, "How many it takes.", minimum=1)
COUNT = GuildSetting("game.count", int, 0, "Any number.")
GREETING = GuildSetting("game.greeting", str, "Hello", "Said at the beginning.")
COLOUR = GuildSetting("game.colour", str, "green", "Which.", choices=("green", "dark blue"))
ZONE = GuildSetting("clock.zone", str, "UTC", "When.", of="time_zone")
LANGUAGE = GuildSetting("clock.language", str, "en", "In which words.", of="language")

GAME = (ENABLED, CHANNEL, ROLE, SECONDS, LEAST, COUNT, GREETING, COLOUR)
CLOCK = (ZONE, LANGUAGE)
KNOWN: tuple[GuildSetting[Any], ...] = (*GAME, *CLOCK)
FEATURES = (Feature("game", settings=GAME), Feature("clock", settings=CLOCK))
