"""The Discord client: intents, servers, and the commands and buttons that the features add."""

import re
from collections.abc import Iterable
from dataclasses import replace
from typing import Any

import discord
import structlog
from discord import app_commands
from discord.ext import commands
from tenacity import AsyncRetrying, retry_if_exception_type, wait_exponential

from core.guilds import store
from core.guilds.actions import join_guild
from core.kit.discord.access import acknowledge, may_use
from core.kit.discord.arguments import TypedLine, set_up_typing
from core.kit.discord.buttons import KeepButton, decline_unknown, receive_form
from core.kit.discord.choices import ChoiceButton, handle_error
from core.kit.discord.leaderboard import LeaderboardMenu
from core.kit.discord.paginator import PageButton
from core.kit.discord.ui import PREFIX, SILENT, missing_in, permission_names
from core.kit.errors import Outage
from core.kit.feature import Feature
from core.kit.guild_settings import GuildSetting
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.text.cleaning import clean_all, clean_lines, fold

OF_THE_KIT = (PageButton, LeaderboardMenu, KeepButton, ChoiceButton)

SERVERS_SECONDS = 0.5
"""How long discord.py waits for another server before the bot is ready. Discord sends all of them
at once; later ones are added when they arrive."""

_log = structlog.get_logger(__name__)


def intents() -> discord.Intents:
    """Server members and message content must be enabled in Discord's developer portal."""
    wanted = discord.Intents.none()
    wanted.guilds = True
    wanted.members = True
    wanted.guild_messages = True
    wanted.dm_messages = True
    wanted.message_content = True
    wanted.guild_reactions = True
    wanted.moderation = True  # banned members cannot win
    return wanted


class CleanTree(app_commands.CommandTree["RegularsBot"]):
    """Slash commands whose options are cleaned before they are read."""

    async def interaction_check(self, interaction: discord.Interaction[Any]) -> bool:
        data: Any = interaction.data
        if data is not None and "options" in data:
            data["options"] = clean_all(data["options"])
        return True


_COMMAND = re.compile(r"\A\s*[!！﹗]\s*(\w+)")


def clean_typed(content: str) -> str:
    """The message's text, cleaned if it is a command."""
    return _COMMAND.sub(lambda found: PREFIX + fold(found[1]), clean_lines(content))


class RegularsBot(commands.Bot):
    """The bot's Discord client, with every feature's commands and buttons."""

    def __init__(self, services: Services, features: Iterable[Feature]) -> None:
        super().__init__(
            PREFIX,
            intents=intents(),
            help_command=None,
            allowed_mentions=SILENT,
            tree_cls=CleanTree,
            case_insensitive=True,
            guild_ready_timeout=SERVERS_SECONDS,
        )
        self._features = tuple(features)
        goals = tuple(feature.next_goal for feature in self._features if feature.next_goal)
        self.services = replace(services, goals=goals, granted=store.list_granted)
        self.paginators = {
            paginator.name: paginator
            for feature in self._features
            for paginator in feature.paginators
        }
        self.before_invoke(acknowledge)
        self.add_check(may_use)

    async def add_features(self) -> None:
        for feature in self._features:
            for cog in feature.cogs:
                await self.add_cog(cog(self.services))
            self.add_dynamic_items(*feature.buttons)
        self.add_dynamic_items(*OF_THE_KIT)
        set_up_typing(self)

    async def setup_hook(self) -> None:
        await self.add_features()
        await self.tree.sync()

    async def get_context(self, origin: Any, /, *, cls: Any = commands.Context) -> Any:
        ctx = await super().get_context(origin, cls=cls)
        if ctx.interaction is None:
            ctx.view = TypedLine(ctx)
        return ctx

    async def process_commands(self, message: discord.Message, /) -> None:
        message.content = clean_typed(message.content)
        await super().process_commands(message)

    async def on_interaction(self, interaction: discord.Interaction) -> None:
        buttons = [button for feature in self._features for button in feature.buttons]
        await receive_form(interaction, buttons)
        await decline_unknown(interaction, [*buttons, *OF_THE_KIT])

    # -- servers ----------------------------------------------------------------------------

    async def on_ready(self) -> None:
        _log.info("Connected to Discord", name=str(self.user), servers=len(self.guilds))
        for problem in self.setting_problems():
            _log.warning("Setting has no effect", problem=problem)

    def setting_problems(self) -> list[str]:
        """Settings from the environment that do not match Discord. Needs a bot that is ready."""
        declared = [setting for feature in self._features for setting in feature.settings]
        return list_problems(self.services.settings, declared, self)

    async def on_guild_available(self, guild: discord.Guild) -> None:
        await self._record_guild(guild)

    async def on_guild_join(self, guild: discord.Guild) -> None:
        await self._record_guild(guild)

    async def on_guild_update(self, _before: discord.Guild, after: discord.Guild) -> None:
        await self._record_guild(after)

    async def on_guild_remove(self, guild: discord.Guild) -> None:
        async for attempt in _while_away():
            with attempt:
                await self.services.database.run(store.end_guild, guild.id)

    async def _record_guild(self, guild: discord.Guild) -> None:
        async for attempt in _while_away():
            with attempt:
                await self.services.database.run(join_guild, guild.id, guild.name)

    # -- errors -----------------------------------------------------------------------------

    async def on_command_error(
        self, ctx: commands.Context[Any], error: commands.CommandError, /
    ) -> None:
        if not isinstance(error, commands.CommandNotFound):  # may be meant for another bot
            await handle_error(ctx, error)

    async def on_error(self, event_method: str, /, *_args: Any, **_kwargs: Any) -> None:
        _log.exception("Discord event handler failed", event_method=event_method)


def _while_away() -> AsyncRetrying:
    return AsyncRetrying(
        retry=retry_if_exception_type(Outage), wait=wait_exponential(max=30), reraise=True
    )


def list_problems(
    settings: Settings, declared: Iterable[GuildSetting[Any]], client: discord.Client
) -> list[str]:
    """One sentence for each setting that will not work. The client has to be ready."""
    if settings.discord_guild_id is None:
        return []
    guild = client.get_guild(settings.discord_guild_id)
    if guild is None:
        return [
            "DISCORD_GUILD_ID is not a server that the bot is in: invite the bot there, or copy "
            "the id again."
        ]
    problems = {
        setting.environment: _problem_of_channel(guild, getattr(settings, setting.environment))
        for setting in declared
        if setting.environment is not None and setting.of == "channel"
    }
    return [f"{name.upper()} {problem}" for name, problem in problems.items() if problem]


def _problem_of_channel(guild: discord.Guild, channel_id: int | None) -> str:
    if channel_id is None:
        return ""
    channel = guild.get_channel(channel_id)
    if channel is None:
        return "is not a channel of your server: copy the channel's id again."
    if not isinstance(channel, discord.TextChannel):
        return "is not a text channel."
    if missing := missing_in(channel, guild.me):
        return f"is a channel where the bot lacks permissions: {permission_names(missing)}."
    return ""
