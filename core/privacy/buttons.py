"""The buttons of `/mydata` and `/forgetme`. They are found by their custom ids, so they outlive
restarts; what all features keep is given to them when the feature is made."""

import io
from collections.abc import Sequence
from typing import Any

import discord
from sqlalchemy import Connection

from core.kit.crypto import vault_of
from core.kit.discord_own import OwnButton
from core.kit.discord_questions import ConfirmButton
from core.kit.discord_ui import services_of
from core.kit.errors import Refusal
from core.kit.personal import Personal
from core.kit.services import Services
from core.kit.words import _
from core.privacy import actions, embeds

Kept = Sequence[Personal]


def names_of(person: discord.abc.User) -> list[str]:
    """What somebody is called on Discord."""
    return [one for one in (person.name, person.global_name, person.display_name) if one]


async def data_of(
    services: Services, kept: Kept, guild: discord.Guild, person: discord.abc.User
) -> dict[str, Any]:
    """What is stored about the person in this server: an embed and a file. It can be sent once."""

    def collected(tx: Connection) -> tuple[bytes, bool]:
        subject = actions.who_asks(tx, guild.id, person.id, names_of(person), services.clock())
        return actions.as_file(actions.collect(tx, kept, subject)), bool(subject.accounts)

    content, linked = await services.database.run(collected)
    return {
        "embed": embeds.your_data(guild.name, linked=linked),
        "file": discord.File(io.BytesIO(content), "my-data.json"),
    }


def guild_of(interaction: discord.Interaction) -> discord.Guild:
    if interaction.guild is None:
        raise Refusal(_("This works in a server only."))
    return interaction.guild


def data_button(kept: Kept) -> type[OwnButton]:
    """Shows whoever presses it their own data."""

    class DataButton(OwnButton, template=r"privacy:data"):
        address = "privacy:data"

        @staticmethod
        def words() -> str:
            return _("Show my data")

        async def give(
            self, services: Services, guild: discord.Guild, person: discord.abc.User
        ) -> dict[str, Any]:
            return await data_of(services, kept, guild, person)

    return DataButton


def forget_button(kept: Kept) -> type[ConfirmButton]:
    """Deletes the data of the member who was asked."""

    class ForgetButton(ConfirmButton, template=r"privacy:forget:(?P<asker>[0-9]+)"):
        def __init__(self, asker: int) -> None:
            super().__init__(_("Delete my data"), f"privacy:forget:{asker}", asker)

        async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
            await forget(services_of(interaction), kept, guild_of(interaction), interaction.user)
            return embeds.forgotten()

    return ForgetButton


async def forget(
    services: Services, kept: Kept, guild: discord.Guild, person: discord.abc.User
) -> None:
    """Forget the person in this server.

    Raises:
        Refusal: something has to be done first.
    """
    vault = vault_of(services.settings)

    def forgotten(tx: Connection) -> None:
        subject = actions.who_asks(tx, guild.id, person.id, names_of(person), services.clock())
        actions.forget(tx, kept, subject, vault)

    await services.database.run(forgotten)
