"""How the answers look."""

import discord

from core.kit.discord_ui import card, safe
from core.kit.words import _


def your_data(server: str, *, linked: bool) -> discord.Embed:
    """Above the file."""
    embed = card(
        "🗂️ " + _("Your data"),
        _(
            "This is everything that I have stored about you in **{server}**. It is a text file; "
            "any editor opens it.\n`/forgetme` deletes it."
        ).format(server=safe(server)),
    )
    return embed if linked else _told_of_accounts(embed)


def _told_of_accounts(embed: discord.Embed) -> discord.Embed:
    """To who has no account linked: what hangs on one is nobody's that we know."""
    return embed.add_field(
        name=_("No Kick account is linked"),
        value=_(
            "What a Kick account watched, wrote and won is not part of this: nobody can tell that "
            "it is yours. Run `/link` first if it should be."
        ),
        inline=False,
    )


def sent_by_dm() -> discord.Embed:
    return card("📬 " + _("Check your DMs: I sent you a file"))


def dms_are_closed() -> discord.Embed:
    """Openly, where a typed command cannot be answered privately."""
    return card(
        "📪 " + _("Your direct messages are closed"),
        _("Press the button; only you will see the file."),
        tone="warning",
    )


def ask_forget(server: str, *, linked: bool) -> discord.Embed:
    """What goes and what stays, above the buttons."""
    embed = card(
        "🧹 " + _("Delete your data?"),
        _("This cannot be undone. It is about **{server}** alone.").format(server=safe(server)),
        tone="warning",
    )
    embed.add_field(
        name=_("What goes"),
        value=_(
            "• the link between your Discord and your Kick account, and your names\n"
            "• all your watchtime\n"
            "• what you wrote in the stream's chat, as far as it is stored\n"
            "• messages to you, and your name in others\n"
            "• roles that you have for the link or for watchtime"
        ),
        inline=False,
    )
    embed.add_field(
        name=_("What stays"),
        value=_(
            "• sums that others depend on, such as tickets of a raffle, under a made-up name\n"
            "• blocks and exclusions: they hold again when you come back\n"
            "• what you changed in the server as an admin\n"
            "• what was posted in channels; ask a moderator to delete it\n"
            "For three more days we keep anonymous ids that prevent double counting."
        ),
        inline=False,
    )
    return embed if linked else _told_of_accounts(embed)


def forgotten() -> discord.Embed:
    return card(
        "🧹 " + _("Your data was deleted"),
        _("If you chat on the stream again, you start from zero. `/link` links you again."),
        tone="success",
    )
