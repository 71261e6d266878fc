"""`/mydata` and `/forgetme`."""

from typing import Any

import discord
from discord.ext import commands

from core.kit.discord_own import OwnButton, give
from core.kit.discord_questions import question_view
from core.kit.discord_ui import PRIVATE, answer, run_action
from core.kit.services import Services
from core.kit.words import _
from core.people import store as people
from core.privacy import embeds

Context = commands.Context[commands.Bot]


class Privacy(commands.Cog):
    """Your own data."""

    def __init__(
        self, services: Services, data_button: type[OwnButton], forget_button: type[Any]
    ) -> None:
        self._services = services
        self._data_button = data_button
        self._forget_button = forget_button

    @commands.hybrid_command(name="mydata", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(2, 60, commands.BucketType.member)
    async def mydata(self, ctx: Context) -> None:
        """Get a file with everything that is stored about you in this server."""
        await give(ctx, self._data_button())

    @commands.hybrid_command(name="forgetme", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(2, 60, commands.BucketType.member)
    async def forgetme(self, ctx: Context) -> None:
        """Delete what is stored about you in this server, after a question."""
        asker = ctx.author.id
        view = question_view(self._forget_button(asker), asker, _("Keep everything"))
        guild = _guild(ctx)
        link = await run_action(ctx, people.find_link, asker)
        await answer(ctx, embeds.ask_forget(guild.name, linked=link is not None), view)


def _guild(ctx: Context) -> discord.Guild:
    assert ctx.guild is not None, "the commands are guild_only"
    return ctx.guild
