"""`/mydata` and `/forgetme`, and their buttons."""

import io
from collections.abc import Sequence
from typing import Any

import discord
from discord.ext import commands
from sqlalchemy import Connection

from core.kit.database.personal import Personal, Subject
from core.kit.discord.buttons import ConfirmButton, OwnButton, Person, give, question_view
from core.kit.discord.ui import answer, run_action, server_command, services_of
from core.kit.errors import Refusal
from core.kit.runtime.crypto import vault_of
from core.kit.services import Services
from core.kit.text.words import _
from core.people import store as people
from core.privacy import actions, messages

Context = commands.Context[commands.Bot]


class Privacy(commands.Cog):
    """Your own data."""

    def __init__(self, data_button: type[OwnButton], forget_button: type[Any]) -> None:
        self._data_button = data_button
        self._forget_button = forget_button

    @server_command("mydata", private=True)
    @commands.cooldown(2, 60, commands.BucketType.member)
    async def mydata(self, ctx: Context) -> None:
        """Download everything that this server stores about you."""
        await give(ctx, self._data_button())

    @server_command("forgetme", private=True)
    @commands.cooldown(2, 60, commands.BucketType.member)
    async def forgetme(self, ctx: Context) -> None:
        """Delete what this server stores about you. Asks first."""
        assert ctx.guild is not None, "the command is guild_only"
        asker = ctx.author.id
        view = question_view(self._forget_button(asker), asker, _("Cancel"))
        link = await run_action(ctx, people.find_link, asker)
        await answer(ctx, messages.ask_forget(ctx.guild.name, linked=link is not None), view)


def data_button(kept: Sequence[Personal]) -> type[OwnButton]:
    """A button that shows people their own data."""

    class DataButton(OwnButton, template=r"privacy:data"):
        address = "privacy:data"

        @staticmethod
        def words() -> str:
            return _("Show my data")

        async def give(
            self, services: Services, guild: discord.Guild, person: Person
        ) -> dict[str, Any]:
            def export(tx: Connection) -> tuple[bytes, bool]:
                subject = _subject(tx, services, guild, person)
                return actions.as_file(actions.collect(tx, kept, subject)), bool(subject.accounts)

            content, linked = await services.database.run(export)
            return {
                "embed": messages.your_data(guild.name, linked=linked),
                "file": discord.File(io.BytesIO(content), "my-data.json"),
            }

    return DataButton


def forget_button(kept: Sequence[Personal]) -> type[ConfirmButton]:
    """A button that deletes the data of the member who asked for it."""

    class ForgetButton(ConfirmButton, template=r"privacy:forget:(?P<asker>[0-9]+)"):
        def __init__(self, asker: int) -> None:
            super().__init__(_("Delete my data"), f"privacy:forget:{asker}", asker)

        async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
            services, guild, person = services_of(interaction), interaction.guild, interaction.user
            if guild is None:
                raise Refusal(_("This only works in a server."))
            vault = vault_of(services.settings)

            def forget(tx: Connection) -> None:
                actions.forget(tx, kept, _subject(tx, services, guild, person), vault)

            await services.database.run(forget)
            return messages.forgotten()

    return ForgetButton


def _subject(tx: Connection, services: Services, guild: discord.Guild, person: Person) -> Subject:
    names = [name for name in (person.name, person.global_name, person.display_name) if name]
    return actions.who_asks(tx, guild.id, person.id, names, services.clock())
