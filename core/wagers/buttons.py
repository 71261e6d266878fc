"""Verifying a member's account, by command or by the button below their claim, and deciding about
held amounts. Buttons are found by their custom ids, so they outlive restarts."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import discord
from sqlalchemy import Connection

from core.guilds.actions import change_setting, setting
from core.kit.discord_access import is_admin
from core.kit.discord_ui import kindly, private_word, services_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.outbox.discord_courier import Rendered
from core.wagers import asking, counting, embeds, verifying
from core.wagers.platforms import get_platform
from core.wagers.settings import DEFAULT_ROLE_NAME, VERIFIED_ROLE
from core.wagers.verifying import Candidate

_TEMPLATE = r"wagers:verify:(?P<account_id>[0-9]{1,18})"


def posted_claim(payload: Mapping[str, Any]) -> Rendered:
    """A member has linked an account: asked of the admins."""
    return Rendered(embeds.claimed(payload), lambda: _view(payload["account_id"]))


def _view(account_id: int) -> discord.ui.View:
    view = discord.ui.View(timeout=None)
    view.add_item(VerifyButton(account_id))
    return view


class VerifyButton(discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=_TEMPLATE):
    """Verify the account with this number, in the server where it is pressed."""

    def __init__(self, account_id: int) -> None:
        super().__init__(
            discord.ui.Button(
                label=_("Verify"),
                style=discord.ButtonStyle.success,
                custom_id=f"wagers:verify:{account_id}",
            )
        )
        self.account_id = account_id

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "VerifyButton":
        return cls(int(match["account_id"]))

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, __name__)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            services, guild = services_of(interaction), interaction.guild
            assert guild is not None, "claims are posted in servers"
            claim = await services.database.run(verifying.get_claim, guild.id, self.account_id)
            done = await verify(services, guild, claim, interaction.user.id)
            await private_word(interaction, done)


MOST_DECISIONS = 5
"""Discord shows five rows of buttons; the rest is in `/shuffle status`."""


def posted_odd(payload: Mapping[str, Any]) -> Rendered:
    """Odd totals, shown to the admins with a row of buttons for each held amount."""
    held = [line for line in payload["lines"] if Decimal(line["held"]) and "number" in line]
    return Rendered(embeds.odd_totals(payload), lambda: _decisions(held[:MOST_DECISIONS]))


def _decisions(held: Sequence[Mapping[str, Any]]) -> discord.ui.View | None:
    view = discord.ui.View(timeout=None)
    for row, line in enumerate(held):
        for act in ("count", "dismiss"):
            view.add_item(HeldButton(act, line["number"], line["username"], row))
    return view if held else None


class HeldButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]],
    template=r"wagers:(?P<act>count|dismiss):(?P<number>[0-9]{1,18})",
):
    """Count or dismiss the held amount with this number, in the server where it is pressed."""

    def __init__(self, act: str, number: int, username: str = "", row: int | None = None) -> None:
        said, style = {
            "count": (_("Count {name}"), discord.ButtonStyle.success),
            "dismiss": (_("Dismiss {name}"), discord.ButtonStyle.secondary),
        }[act]
        super().__init__(
            discord.ui.Button(
                label=said.format(name=username).strip()[:80],
                style=style,
                custom_id=f"wagers:{act}:{number}",
                row=row,
            )
        )
        self.act = act
        self.number = number

    @classmethod
    async def from_custom_id(
        cls, _interaction: discord.Interaction, _item: discord.ui.Item[Any], match: re.Match[str]
    ) -> "HeldButton":
        return cls(match["act"], int(match["number"]))

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        return await is_admin(interaction, __name__)

    async def callback(self, interaction: discord.Interaction) -> None:
        async with kindly(interaction):
            await interaction.response.defer(ephemeral=True, thinking=True)
            services, guild = services_of(interaction), interaction.guild
            assert guild is not None, "odd totals are posted in servers"
            action, shown = {
                "count": (counting.release, embeds.counted),
                "dismiss": (counting.dismiss, embeds.dismissed),
            }[self.act]
            amount = await services.database.run(
                action, guild.id, self.number, interaction.user.id, services.clock()
            )
            await private_word(interaction, shown(amount, self.number))


async def verify(
    services: Services, guild: discord.Guild, candidate: Candidate, actor: int
) -> discord.Embed:
    """Ask the platform and verify; what to answer.

    Raises:
        Refusal: the account does not stand under the code, or something else is in the way.
        Outage: the platform or the database does not answer.
    """
    platform = get_platform(services.settings, candidate.platform)
    if not platform.is_set_up:
        raise Refusal(
            _("{platform} cannot be asked yet.").format(platform=platform.title),
            _("The bot's owner has to set its address first (SHUFFLE_AFFILIATE_URL)."),
        )
    said = await _role(services, guild, actor)
    standings = await asyncio.to_thread(asking.ask, services, platform)
    done = await services.database.run(
        verifying.verify, guild.id, candidate, standings, actor, services.clock()
    )
    return embeds.verified(done.account, platform.title, said, anew=done.anew)


async def _role(services: Services, guild: discord.Guild, actor: int) -> str:
    """What to say about the role. While none is chosen, or the chosen one was deleted, it is the
    one of the default name."""
    role_id = await services.database.run(_chosen, guild.id)
    role = guild.get_role(role_id) or _role_by_name(guild)
    if role is None:
        return embeds.no_role()
    if role.id != role_id:
        await services.database.run(change_setting, guild.id, VERIFIED_ROLE, role.id, actor)
    allowed = guild.me.guild_permissions.manage_roles and role.is_assignable()
    return embeds.role_given(role.id) if allowed else embeds.role_out_of_reach(role.id)


def _role_by_name(guild: discord.Guild) -> discord.Role | None:
    """Of two roles of one name nobody can say which is meant."""
    name = DEFAULT_ROLE_NAME.casefold()
    named = [role for role in guild.roles if role.name.casefold() == name]
    return named[0] if len(named) == 1 else None


def _chosen(tx: Connection, guild_id: int) -> int:
    return setting(tx, guild_id, VERIFIED_ROLE)
