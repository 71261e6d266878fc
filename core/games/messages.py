"""Embeds."""

from collections.abc import Sequence

import discord

from core.games.actions import Overview
from core.games.rules import Game, Match
from core.kit.discord.ui import card, lines, safe
from core.kit.text.words import _, plural

MAX_LISTED = 20


def overview(current: Overview) -> discord.Embed:
    """How many games there are."""
    rows = [
        plural("{count} game", "{count} games", current.games)
        + ", "
        + _("{own} added or changed on this server").format(own=f"{current.own:,}"),
        plural("{count} is banned", "{count} are banned", len(current.banned)),
        _("Typos are recognised: try `/games find`."),
    ]
    return card("🎮 " + _("Games"), lines(rows))


def found(match: Match) -> discord.Embed:
    """The result of a search."""
    title = safe(match.title)
    if match.found == "known":
        body = safe(match.provider)
        if match.banned:
            body += "\n🚫 " + _("Viewers cannot request it.")
        return card(f"🎮 {title}", body.strip(), tone="success")
    if match.found == "uncertain":
        body = _("Did you mean **{title}**? A request would be added as typed and marked.")
        return card("❔ " + title, body.format(title=safe(match.suggestion)), tone="warning")
    return card("❔ " + title, _("No game matches that name. Add it with `/games add`."))


def saved(game: Game) -> discord.Embed:
    """A game was added or changed."""
    rows = [safe(game.provider)] if game.provider else []
    if game.aliases:
        rows.append(_("Also called: {names}").format(names=safe(", ".join(game.aliases))))
    return card(f"🎮 {safe(game.title)}", lines(rows), tone="success")


def ban_changed(game: Game) -> discord.Embed:
    """A game was banned or unbanned."""
    if game.banned:
        return card(f"🚫 {safe(game.title)}", _("Viewers can no longer request it."))
    return card(f"🎮 {safe(game.title)}", _("Viewers can request it again."), tone="success")


def removed(game: Game) -> discord.Embed:
    """A game was removed or reset."""
    return card(f"🎮 {safe(game.title)}", _("This server's changes were removed."))


def banned(games: Sequence[Game]) -> discord.Embed:
    """The banned games."""
    if not games:
        return card("🚫 " + _("No banned games"), _("Ban one with `/games ban`."))
    rows = [f"{safe(game.title)} · {safe(game.provider)}" for game in games[:MAX_LISTED]]
    if len(games) > MAX_LISTED:
        rows.append(_("See the dashboard for the rest."))
    return card("🚫 " + _("Banned games"), lines(rows))
