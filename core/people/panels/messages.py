"""Panels, and messages to admins about them."""

from collections.abc import Sequence

import discord

from core.kit.discord.ui import ago, card, lines, mention, safe
from core.kit.text.words import _
from core.people.linking.platforms import PLATFORMS
from core.people.panels.records import Panel


def panel(server: str, emoji: str, privacy_url: str, platforms: Sequence[str]) -> discord.Embed:
    """The public message."""
    names = [PLATFORMS[platform].name for platform in platforms]
    buttons = _(" or ").join(f"**Link {name}**" for name in names)
    steps = _(
        "**1.** Press {buttons} below, or react with {emoji}.\n"
        "**2.** Open the link that I send you. It is only for you and works for one hour.\n"
        "**3.** Check that it is you, and authorize on {platforms}.\n"
        "\n"
        "From then on, what you watch and win on {platforms} counts for you here in **{server}**."
    ).format(buttons=buttons, emoji=emoji, platforms=_(" or ").join(names), server=safe(server))
    if len(names) > 1:
        steps += "\n" + _("Link both, and they count as one person.")
    title = _("Link your {platforms} account").format(platforms=_(" or ").join(names))
    embed = card(f"🔗 {title}", steps, tone=PLATFORMS[platforms[0]].tone)
    embed.add_field(
        name=_("What is stored"),
        value=_(
            "Your ids and names on Discord and {platforms}, and when you linked. No password, and "
            "no access to your {platforms} account.\n"
            "**Unlink** ends it, `/mydata` shows everything, `/forgetme` deletes it. "
            "[How your data is treated]({url})"
        ).format(url=privacy_url, platforms=_(" or ").join(names)),
        inline=False,
    )
    return embed


def posted(panel: Panel, replaced: bool) -> discord.Embed:
    body = _("It is pinned in <#{channel}>. Reacting with {emoji} or pressing the button works.")
    if replaced:
        body += " " + _("The previous panel of this channel was removed.")
    return card(
        "🔗 " + _("Link panel posted"),
        body.format(channel=panel.channel_id, emoji=panel.emoji),
        tone="success",
    )


def listed(panels: Sequence[Panel]) -> discord.Embed:
    if not panels:
        return card(
            "🔗 " + _("There is no link panel"), _("Post one here with `/setup_link_panel`.")
        )
    troubled_first = sorted(panels, key=lambda panel: panel.state == "posted" and not panel.trouble)
    return card("🔗 " + _("Link panels"), lines([_row(panel) for panel in troubled_first]))


def _row(panel: Panel) -> str:
    where = f"<#{panel.channel_id}>"
    if panel.state == "gone" and panel.ended_at is not None:
        return "⚠️ " + _(
            "{where}: deleted {ago}. Run `/setup_link_panel` in the channel to post a new one."
        ).format(where=f"#{safe(panel.channel_name)}", ago=ago(panel.ended_at))
    link = f"https://discord.com/channels/{panel.guild_id}/{panel.channel_id}/{panel.message_id}"
    row = _("{where}: [posted]({link}) {ago} by {admin}, with {emoji}").format(
        where=where,
        link=link,
        ago=ago(panel.posted_at),
        admin=mention(panel.posted_by),
        emoji=panel.emoji,
    )
    return f"⚠️ {row}\n-# {safe(panel.trouble)}" if panel.trouble else f"🟢 {row}"


def withdrawn(channel_id: int, found: bool) -> discord.Embed:
    if not found:
        title = _("There is no link panel in this channel")
        return card("🔗 " + title, _("`/link_panels` lists them."))
    body = _("Existing links stay.")
    title = _("Link panel removed")
    return card("🔗 " + title, f"<#{channel_id}>. {body}", tone="success")


def use_the_button(discord_id: int) -> str:
    """Shown briefly to members who reacted but do not accept direct messages."""
    return _(
        "<@{who}> I can't message you: your direct messages are closed. Press a button "
        "above instead; only you will see the answer."
    ).format(who=discord_id)
