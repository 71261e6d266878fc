"""`/link` and `/unlink`."""

import discord
from discord import app_commands
from discord.ext import commands
from sqlalchemy import Connection

from core.kit.discord_access import for_moderators, may_manage
from core.kit.discord_ui import PRIVATE, answer
from core.kit.services import Services
from core.people import store as people
from core.people.actions import discord_id_in
from core.people.linking import actions, embeds
from core.people.linking.buttons import (
    invite,
    invite_by_dm,
    start_button,
    unlink_buttons,
)
from core.people.records import Link

Context = commands.Context[commands.Bot]


class Linking(commands.Cog):
    """Whose Kick account is whose."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._database = services.database

    @commands.hybrid_command(name="link", extras=PRIVATE)
    @commands.guild_only()
    async def link(self, ctx: Context) -> None:
        """Link your Kick account, so that what you do in the stream counts here."""
        guild = _guild(ctx)
        by_slash = ctx.interaction is not None
        link = await self._database.run(people.find_link, guild.id, ctx.author.id)
        if link is not None and by_slash:
            await answer(ctx, embeds.already_linked(guild.name, link))
        elif await invite_by_dm(self._services, guild, ctx.author):
            await answer(ctx, embeds.sent_by_dm())
        elif by_slash:
            await answer(ctx, *await invite(self._services, guild, ctx.author))
        else:
            await answer(ctx, embeds.dms_are_closed(), start_button())

    @commands.hybrid_command(name="unlink", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(5, 60, commands.BucketType.member)
    @app_commands.describe(
        person="For admins: a mention, a Discord id or a name on Kick; yourself if empty"
    )
    async def unlink(self, ctx: Context, *, person: str | None = None) -> None:
        """Unlink your Kick account; what it has earned stays with it."""
        guild_id, asker_id = _guild(ctx).id, ctx.author.id
        own = person is None or discord_id_in(person) == asker_id
        if not own and not await may_manage(ctx, __name__):
            raise for_moderators("Manage Server", __name__)
        link = await self._database.run(_find_link, guild_id, asker_id, None if own else person)
        if link is None:
            await answer(ctx, embeds.not_linked(own))
            return
        question = embeds.ask_unlink(link, own=own, openly=ctx.interaction is None)
        await answer(ctx, question, unlink_buttons(asker_id, link))


def _find_link(tx: Connection, guild_id: int, asker_id: int, person: str | None) -> Link | None:
    if person is None:
        return people.find_link(tx, guild_id, asker_id)
    return actions.get_link(tx, guild_id, person)


def _guild(ctx: Context) -> discord.Guild:
    assert ctx.guild is not None, "the commands are guild_only"
    return ctx.guild
