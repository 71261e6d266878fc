"""`/linkshuffle`, `/unlinkshuffle`, `/verifyshuffle` and `/shuffle`, and the buttons below posts to
admins."""

import asyncio
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord.access import for_moderators, may_manage
from core.kit.discord.buttons import MAX_ROWS, AdminButton, Face, button_rows
from core.kit.discord.paginator import Page, Paginator, Reader, nearest_page, show
from core.kit.discord.roles import see_role
from core.kit.discord.ui import (
    answer,
    refusal_card,
    run_action,
    server_command,
    server_group,
    services_of,
)
from core.kit.text.words import _
from core.outbox.discord_transport import Rendered
from core.people import store as people
from core.people.linking.discord import start_button
from core.people.lookup import discord_id_in
from core.wagers import actions, counting, messages, polling
from core.wagers.actions import Candidate
from core.wagers.messages import PAGE
from core.wagers.records import Decision
from core.wagers.rules import SHUFFLE

Context = commands.Context[commands.Bot]
Source = discord.Interaction | Context

# -- buttons --------------------------------------------------------------------------------------


def render_claim(payload: Mapping[str, Any]) -> Rendered:
    account_id = payload["account_id"]
    return Rendered(
        messages.claimed(payload), lambda: button_rows([[VerifyButton("verify", account_id)]])
    )


class VerifyButton(AdminButton, address="wagers", acts=("verify",)):
    """Verifies the account with this number."""

    @staticmethod
    def face(act: str) -> Face:
        return {"verify": (_("Verify"), discord.ButtonStyle.success)}[act]

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        candidate = await run_action(interaction, actions.get_claim, self.number)
        return await verify(interaction, candidate)


def render_odd(payload: Mapping[str, Any]) -> Rendered:
    """Unusual totals, with a row of buttons for each held amount. `/shuffle status` lists those
    that do not fit."""
    held = [line for line in payload["lines"] if Decimal(line["held"]) and "number" in line]
    return Rendered(messages.odd_totals(payload), lambda: _decision_buttons(held[:MAX_ROWS]))


def _decision_buttons(held: Sequence[Mapping[str, Any]]) -> discord.ui.View | None:
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

    async def press(self, interaction: discord.Interaction) -> discord.Embed:
        decision: Decision = "release" if self.act == "count" else "dismissal"
        return await decide(interaction, self.number, decision)


async def decide(source: Source, number: int, decision: Decision) -> discord.Embed:
    amount = await run_action(source, counting.decide, number, decision)
    return messages.decided(amount, number, decision)


async def verify(source: Source, candidate: Candidate) -> discord.Embed:
    """Read the totals from the platform, then verify.

    Raises:
        Refusal: the account did not sign up under the code, or cannot be verified otherwise.
        Outage: the platform or the database does not answer.
    """
    services = services_of(source)
    platform = polling.require_platform(services.settings, candidate.platform)
    role = await _prepare_role(source)
    standings = await asyncio.to_thread(polling.ask, services, platform)
    done = await run_action(source, actions.verify, candidate, standings)
    return messages.verified(done.account, role, is_new=done.is_new)


async def _prepare_role(source: Source) -> str:
    """Choose the role; returns a sentence about it."""
    guild = source.guild
    assert guild is not None, "admins are known in servers only"
    roles = [(role.id, role.name) for role in guild.roles]
    role = guild.get_role(await run_action(source, actions.choose_role, roles))
    if role is None:
        return messages.no_role()
    obstacle = see_role(guild, role.id).obstacle
    if obstacle is None:
        return messages.role_given(role.id)
    return messages.role_not_assigned(role.id, obstacle)


# -- commands -------------------------------------------------------------------------------------


async def _open_accounts(reader: Reader, _key: str, number: int) -> Page:
    found = await reader.run_action(actions.list_accounts, SHUFFLE)
    number, pages = nearest_page(number, len(found), PAGE)
    return Page(messages.accounts(found, SHUFFLE, number), number, pages)


ACCOUNTS = Paginator("wagers_accounts", "shuffle accounts", _open_accounts)


class Wagers(commands.Cog):
    """Shuffle accounts and their wagers."""

    @server_command("linkshuffle", private=True)
    @app_commands.describe(username="Your Shuffle username; leave empty to see your account")
    async def link_shuffle(self, ctx: Context, *, username: str | None = None) -> None:
        """Link your Shuffle account. Wagers count once an admin has verified it. Adults only."""
        if await run_action(ctx, people.find_link, ctx.author.id) is None:
            await answer(ctx, refusal_card(actions.link_first()), start_button())
        elif username is not None:
            await answer(ctx, messages.own(await run_action(ctx, actions.link, SHUFFLE, username)))
        else:
            own = await run_action(ctx, actions.find_own, SHUFFLE)
            await answer(ctx, messages.own(*own) if own else messages.not_linked(SHUFFLE))

    @server_command("unlinkshuffle", private=True)
    @app_commands.describe(
        person="For admins: a mention, Discord ID or chat name; default: yourself"
    )
    async def unlink_shuffle(self, ctx: Context, *, person: str | None = None) -> None:
        """Unlink your Shuffle account; counted wagers stay. You can link again a day later."""
        own = person is None or discord_id_in(person) == ctx.author.id
        if not own and not await may_manage(ctx, __name__):
            raise for_moderators("Manage Server", __name__)
        account = await run_action(ctx, actions.unlink, None if own else person, SHUFFLE)
        await answer(ctx, messages.unlinked(account, by_admin=not own))

    @server_command("verifyshuffle", for_admins=True)
    @app_commands.describe(
        person="A mention, Discord ID or chat name",
        username="Their Shuffle username; default: the one they linked",
    )
    async def verify_shuffle(
        self, ctx: Context, person: str, *, username: str | None = None
    ) -> None:
        """Confirm that a Shuffle account under your code is theirs. Wagers count from now on."""
        candidate = await run_action(ctx, actions.get_candidate, person, SHUFFLE, username)
        await answer(ctx, await verify(ctx, candidate))

    @server_group("shuffle", fallback="status", for_admins=True)
    async def shuffle(self, ctx: Context) -> None:
        """Show the last update from Shuffle, accounts to verify, and unusual totals."""
        current = await run_action(ctx, polling.get_status, SHUFFLE)
        platform = polling.get_platform(services_of(ctx).settings, SHUFFLE)
        await answer(ctx, messages.status(current, is_set_up=platform.is_set_up))

    @shuffle.command(name="accounts")
    async def show_accounts(self, ctx: Context) -> None:
        """List all linked Shuffle accounts and their owners."""
        await show(ctx, ACCOUNTS)

    @shuffle.command(name="count")
    @app_commands.describe(number="As shown by `/shuffle status`")
    async def count_held(self, ctx: Context, number: commands.Range[int, 1, 2**53]) -> None:
        """Count a held amount: it was really wagered."""
        await answer(ctx, await decide(ctx, number, "release"))

    @shuffle.command(name="dismiss")
    @app_commands.describe(number="As shown by `/shuffle status`")
    async def dismiss_held(self, ctx: Context, number: commands.Range[int, 1, 2**53]) -> None:
        """Dismiss a held amount: Shuffle reported a wrong total."""
        await answer(ctx, await decide(ctx, number, "dismissal"))
