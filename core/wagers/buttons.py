"""Verifying a member's account, by command or by the button below their claim, and deciding about
held amounts."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import discord
from sqlalchemy import Connection

from core.guilds.actions import change_setting, setting
from core.kit.discord_buttons import MOST_ROWS, AdminButton, Face, button_rows
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.words import _
from core.outbox.discord_transport import Rendered
from core.wagers import asking, counting, embeds, verifying
from core.wagers.platforms import get_platform
from core.wagers.settings import DEFAULT_ROLE_NAME, VERIFIED_ROLE
from core.wagers.verifying import Candidate


def posted_claim(payload: Mapping[str, Any]) -> Rendered:
    """A member has linked an account: asked of the admins."""
    account_id = payload["account_id"]
    return Rendered(
        embeds.claimed(payload), lambda: button_rows([[VerifyButton("verify", account_id)]])
    )


class VerifyButton(AdminButton, address="wagers", acts=("verify",)):
    """Verifies the account with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {"verify": (_("Verify"), discord.ButtonStyle.success)}[act]

    async def perform(self, services: Services, guild: discord.Guild, actor: int) -> discord.Embed:
        claim = await services.database.run(verifying.get_claim, guild.id, self.number)
        return await verify(services, guild, claim, actor)


def posted_odd(payload: Mapping[str, Any]) -> Rendered:
    """Odd totals, shown to the admins with a row of buttons for each held amount. Those for which
    there is no row are in `/shuffle status`."""
    held = [line for line in payload["lines"] if Decimal(line["held"]) and "number" in line]
    return Rendered(embeds.odd_totals(payload), lambda: _decisions(held[:MOST_ROWS]))


def _decisions(held: Sequence[Mapping[str, Any]]) -> discord.ui.View | None:
    rows = [
        [HeldButton(act, line["number"], line["username"]) for act in ("count", "dismiss")]
        for line in held
    ]
    return button_rows(rows) if rows else None


class HeldButton(AdminButton, address="wagers", acts=("count", "dismiss")):
    """Counts or dismisses the held amount with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {
            "count": (_("Count {name}"), discord.ButtonStyle.success),
            "dismiss": (_("Dismiss {name}"), discord.ButtonStyle.secondary),
        }[act]

    async def perform(self, services: Services, guild: discord.Guild, actor: int) -> discord.Embed:
        action, shown = {
            "count": (counting.release, embeds.counted),
            "dismiss": (counting.dismiss, embeds.dismissed),
        }[self.act]
        amount = await services.database.run(action, guild.id, self.number, actor, services.clock())
        return shown(amount, self.number)


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
