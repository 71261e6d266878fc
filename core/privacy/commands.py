"""`/mydata` and `/forgetme`."""

from typing import Any

import discord
from discord.ext import commands

from core.kit.discord_own import OwnButton, alone
from core.kit.discord_questions import question_view
from core.kit.discord_ui import CANNOT_DM, PRIVATE, answer
from core.kit.services import Services
from core.kit.words import _
from core.people import store as people
from core.privacy import embeds
from core.privacy.buttons import Kept, data_of

Context = commands.Context[commands.Bot]


class Privacy(commands.Cog):
    """Your own data."""

    def __init__(
        self, services: Services, kept: Kept, data_button: type[OwnButton], forget_button: type[Any]
    ) -> None:
        self._services = services
        self._kept = kept
        self._data_button = data_button
        self._forget_button = forget_button

    @commands.hybrid_command(name="mydata", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(2, 60, commands.BucketType.member)
    async def mydata(self, ctx: Context) -> None:
        """Get a file with everything that is stored about you in this server."""
        guild = _guild(ctx)
        if await self._sent_by_dm(ctx, guild):
            await answer(ctx, embeds.sent_by_dm())
        elif ctx.interaction is not None:
            await ctx.send(**await self._data(ctx, guild), ephemeral=True)
        else:
            await answer(ctx, embeds.dms_are_closed(), alone(self._data_button()))

    async def _sent_by_dm(self, ctx: Context, guild: discord.Guild) -> bool:
        data = await self._data(ctx, guild)
        try:
            await ctx.author.send(**data)
        except discord.Forbidden as error:
            if error.code not in CANNOT_DM:
                raise
            return False
        return True

    async def _data(self, ctx: Context, guild: discord.Guild) -> dict[str, Any]:
        return await data_of(self._services, self._kept, guild, ctx.author)

    @commands.hybrid_command(name="forgetme", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(2, 60, commands.BucketType.member)
    async def forgetme(self, ctx: Context) -> None:
        """Delete what is stored about you in this server, after a question."""
        asker = ctx.author.id
        view = question_view(self._forget_button(asker), asker, _("Keep everything"))
        guild = _guild(ctx)
        link = await self._services.database.run(people.find_link, guild.id, asker)
        await answer(ctx, embeds.ask_forget(guild.name, linked=link is not None), view)


def _guild(ctx: Context) -> discord.Guild:
    assert ctx.guild is not None, "the commands are guild_only"
    return ctx.guild
