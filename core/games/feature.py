"""Declares the games feature."""

from core.games.discord import Games
from core.games.pages import PAGES
from core.kit.feature import Feature
from core.kit.text.words import N_

FEATURE = Feature(
    "games",
    cogs=(lambda _services: Games(),),
    dashboard=PAGES,
    audit={
        "games.save": N_("saved the game {target}"),
        "games.ban": N_("banned the game {target}"),
        "games.unban": N_("unbanned the game {target}"),
        "games.remove": N_("removed the game {target}"),
        "games.import": N_("imported a list of games ({target} new or changed)"),
    },
)
