"""The buttons of `/mydata` and `/forgetme`. They are found by their custom ids, so they outlive
restarts; what all features keep is given to them when the feature is made."""

import io
import re
from collections.abc import Sequence
from typing import Any

import discord
from sqlalchemy import Connection

from core.kit.crypto import vault_of
from core.kit.discord_own import OwnButton
from core.kit.discord_questions import was_asked
from core.kit.discord_ui import kindly, services_of
from core.kit.errors import Refusal
from core.kit.personal import Personal
from core.kit.services import Services
from core.kit.words import _
from core.privacy import actions, embeds

Button = discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]]

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


def _guild_of(interaction: discord.Interaction) -> discord.Guild:
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


def forget_button(kept: Kept) -> type[Button]:
    """Forgets the person to whom the question was put."""

    class ForgetButton(Button, template=r"privacy:forget:(?P<asker>[0-9]+)"):
        def __init__(self, asker_id: int) -> None:
            super().__init__(
                discord.ui.Button(
                    label=_("Forget me"),
                    style=discord.ButtonStyle.danger,
                    custom_id=f"privacy:forget:{asker_id}",
                )
            )
            self.asker_id = asker_id

        @classmethod
        async def from_custom_id(
            cls, _interaction: discord.Interaction, _item: Any, match: re.Match[str]
        ) -> "ForgetButton":
            return cls(int(match["asker"]))

        async def interaction_check(self, interaction: discord.Interaction) -> bool:
            return await was_asked(interaction, self.asker_id)

        async def callback(self, interaction: discord.Interaction) -> None:
            async with kindly(interaction):
                await interaction.response.defer()
                services, guild = services_of(interaction), _guild_of(interaction)
                await forget(services, kept, guild, interaction.user)
                await interaction.edit_original_response(embed=embeds.forgotten(), view=None)

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
