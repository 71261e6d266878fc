"""Embeds about data export and deletion."""

import discord

from core.kit.discord.ui import card, safe
from core.kit.text.words import _


def your_data(server: str, *, linked: bool) -> discord.Embed:
    """Above the file."""
    embed = card(
        "🗂️ " + _("Your data"),
        _(
            "This file has everything that I store about you in **{server}**. You can open it in "
            "any text editor.\nTo delete the data, run `/forgetme`."
        ).format(server=safe(server)),
    )
    return embed if linked else _with_link_hint(embed)


def _with_link_hint(embed: discord.Embed) -> discord.Embed:
    """For members without a linked account, whose account data is unknown."""
    return embed.add_field(
        name=_("No account is linked"),
        value=_(
            "What an account watched, wrote and won is not included, because I can't tell "
            "which account is yours. To include it, run `/link` first."
        ),
        inline=False,
    )


def ask_forget(server: str, *, linked: bool) -> discord.Embed:
    """The deleted and the kept data, above the buttons."""
    embed = card(
        "🧹 " + _("Delete your data?"),
        _("This cannot be undone. It only affects **{server}**.").format(server=safe(server)),
        tone="warning",
    )
    embed.add_field(
        name=_("Deleted"),
        value=_(
            "• the link between your Discord and your Kick or Twitch account, and your names\n"
            "• all your watchtime, points, and tickets in raffles that are not locked yet\n"
            "• stored chat messages of yours\n"
            "• messages to you, and your name in others\n"
            "• roles for linking or for watchtime"
        ),
        inline=False,
    )
    embed.add_field(
        name=_("Kept"),
        value=_(
            "• totals that others depend on, such as tickets of locked raffles, under a "
            "random name\n"
            "• blocks, exclusions and `/hideme`, which apply again if you come back\n"
            "• changes that you made as an admin\n"
            "• posts in channels; ask a moderator to delete them\n"
            "For three more days we keep anonymous ids that prevent double counting."
        ),
        inline=False,
    )
    return embed if linked else _with_link_hint(embed)


def forgotten() -> discord.Embed:
    return card(
        "🧹 " + _("Your data was deleted"),
        _("If you chat again, you start from zero. Run `/link` to link your account again."),
        tone="success",
    )
