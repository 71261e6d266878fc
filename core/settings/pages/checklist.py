"""Setup steps of the server itself: the bot's permissions, and a channel for alerts."""

from core.guilds.actions import setting
from core.guilds.channels import describe_trouble, find_trouble
from core.guilds.settings import ADMIN_CHANNEL
from core.kit.database.work import Work
from core.kit.discord.rest import DiscordGuild, DiscordMember
from core.kit.discord.ui import permission_names
from core.kit.text.words import _
from core.kit.web.guild_pages import GuildPages, Page, SetupStep


def setup(page: Page, pages: GuildPages) -> list[SetupStep]:
    bot = page.discord.bot(page.guild.id)
    lacks = bot.lacks() if bot else ()
    is_low = bot is not None and _can_give_no_role(page.guild, bot)
    if lacks:
        text = _(
            "I'm missing permissions: {missing}. Give them to my role, or add me again."
        ).format(missing=permission_names(lacks))
    elif is_low:
        text = _(
            "My role is at the bottom. Drag it above the roles that I should assign, in Discord "
            "under Server Settings, Roles."
        )
    else:
        text = _("All permissions granted.")

    def find_channel_problem(work: Work) -> str:
        channel = setting(work.tx, work.guild_id, ADMIN_CHANNEL)
        if not channel:
            return _("Without one, alerts go by DM to whoever connected Kick.")
        trouble = find_trouble(work, channel)
        return describe_trouble(trouble) if trouble else ""

    problem = page.run(find_channel_problem)
    settings = pages.routes[0].view
    return [
        SetupStep(
            _("Give the bot its permissions"),
            is_done=not lacks and not is_low,
            text=text,
            url=page.discord.invite_url(page.guild.id) if lacks else "",
            button=_("Give permissions"),
            order=5,
        ),
        SetupStep(
            _("Choose a channel for alerts"),
            is_done=not problem,
            text=problem or _("Problems and suspicious events are posted there."),
            url=page.url_of(pages, settings) + f"#field-{ADMIN_CHANNEL.key}",
            button=_("Settings"),
            order=58,
        ),
    ]


def _can_give_no_role(guild: DiscordGuild, bot: DiscordMember) -> bool:
    ordinary = [role for role in guild.roles if role.id != guild.id and not role.managed]
    return bool(ordinary) and all(role.position >= bot.top_position for role in ordinary)
