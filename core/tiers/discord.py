"""`/tier`."""

import asyncio
from collections.abc import Sequence

from discord import app_commands
from discord.ext import commands

from core.kit.database.work import Work
from core.kit.discord.access import may_manage
from core.kit.discord.ui import answer, guild_id_of, is_in_public, run_action, server_command
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.people.actions import find_asked
from core.people.records import Viewer
from core.people.store import list_accounts_of
from core.tiers import actions, messages
from core.tiers.refresh import refresh

Context = commands.Context[commands.Bot]


class Tiers(commands.Cog):
    """Subscription tiers of viewers."""

    def __init__(self, services: Services) -> None:
        self._services = services

    @server_command("tier", private=True)
    @commands.cooldown(5, 60, commands.BucketType.user)
    @app_commands.describe(
        who="For moderators: a mention, Discord ID or chat name; default: yourself"
    )
    async def tier(self, ctx: Context, *, who: str | None = None) -> None:
        """Show a viewer's subscription tier and where it comes from."""
        is_admin, in_public = await may_manage(ctx, __name__), is_in_public(ctx)
        remedy = _("To see your own tier, run `/tier`.")
        viewer = await run_action(
            ctx, find_asked, who, is_admin=is_admin, in_public=in_public, remedy=remedy
        )
        if viewer is None:
            raise Refusal(_("You have not linked an account yet."), _("Run `/link` first."))
        accounts = await run_action(ctx, _list_accounts, viewer.viewer_id)
        viewer_ids = [account.viewer_id for account in accounts]
        await asyncio.to_thread(refresh, self._services, guild_id_of(ctx), viewer_ids)
        found = await run_action(ctx, actions.lookup, viewer_ids)
        shown = [(account.platform, account.name, found[account.viewer_id]) for account in accounts]
        await answer(ctx, messages.tier(shown))


def _list_accounts(work: Work, viewer_id: int) -> Sequence[Viewer]:
    return list_accounts_of(work.tx, work.guild_id, viewer_id)
