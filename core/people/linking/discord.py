"""`/link` and `/unlink`, and their buttons."""

import asyncio
from typing import Any

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.discord_access import for_moderators, is_admin, may_manage
from core.kit.discord_buttons import ConfirmButton, OwnButton, Person, alone, give, question_view
from core.kit.discord_ui import PRIVATE, answer, run_action, sent_by_dm
from core.kit.records import MemberId
from core.kit.services import Services
from core.kit.words import _
from core.kit.work import Work
from core.people import store as people
from core.people.actions import discord_id_in
from core.people.linking import actions, messages
from core.people.linking.actions import FLOW, LINK_LASTS
from core.people.records import Link, LinkAttempt

Context = commands.Context[commands.Bot]


class StartButton(OwnButton, template=r"people:link"):
    """Gives whoever presses it a link of their own, or says which account they have linked."""

    address = "people:link"

    @staticmethod
    def words() -> str:
        return _("Link with Kick")

    async def give(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """Raises Refusal if the member has asked too often."""
        return await _invitation(services, guild, _attempt(services, person, by_dm=False))

    async def give_by_dm(self, services: Services, guild: discord.Guild, person: Person) -> bool:
        attempt = _attempt(services, person, by_dm=True)
        if await sent_by_dm(person, **await _invitation(services, guild, attempt)):
            return True
        await services.run_as_bot(guild.id, actions.drop_attempt, attempt.link_id)
        return False

    async def give_privately(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        link = await services.run_as_bot(guild.id, people.find_link, person.id)
        if link is not None:
            return {"embed": messages.already_linked(guild.name, link)}
        return await super().give_privately(services, guild, person)


def _attempt(services: Services, member: Person, *, by_dm: bool) -> LinkAttempt:
    return LinkAttempt(
        discord_id=MemberId(member.id),
        discord_name=member.display_name,
        discord_handle=str(member),
        avatar_url=member.display_avatar.replace(size=128, static_format="png").url,
        by_dm=by_dm,
        asked_at=services.clock(),
    )


async def _invitation(
    services: Services, guild: discord.Guild, attempt: LinkAttempt
) -> dict[str, Any]:
    """The member's own link, as an embed with a button; or which account is linked already."""
    link = await services.run_as_bot(guild.id, actions.open_attempt, attempt)
    if link is not None:
        return {"embed": messages.already_linked(guild.name, link)}
    url = await asyncio.to_thread(FLOW.make_link, services.settings, attempt, attempt.discord_id)
    view = discord.ui.View(timeout=None)
    view.add_item(discord.ui.Button(label=StartButton.words(), url=url))
    embed = messages.invitation(guild.name, attempt.asked_at + LINK_LASTS)
    return {"embed": embed, "view": view}


def start_button() -> discord.ui.View:
    """The button alone. Needs a running event loop."""
    return alone(StartButton())


class UnlinkButton(
    ConfirmButton,
    template=r"people:unlink:(?P<asker>[0-9]+):(?P<member>[0-9]+):(?P<viewer>[0-9]+)",
):
    """Ends this link and no later one."""

    def __init__(self, asker: int, member: int, viewer: int) -> None:
        super().__init__(_("Unlink"), f"people:unlink:{asker}:{member}:{viewer}", asker)
        self.discord_id, self.viewer_id = member, viewer
        self.is_own = member == asker

    async def interaction_check(self, interaction: discord.Interaction) -> bool:
        if not await super().interaction_check(interaction):
            return False
        return self.is_own or await is_admin(interaction, __name__)

    async def confirm(self, interaction: discord.Interaction) -> discord.Embed:
        if await run_action(interaction, self._unlink):
            return messages.unlinked(self.is_own)
        return messages.not_linked(self.is_own)

    def _unlink(self, work: Work) -> bool:
        link = people.find_link_of_viewer(work, self.viewer_id)
        if link is None or link.discord_id != self.discord_id:
            return False
        return actions.unlink_account(work, link)


def ask_unlink(
    asker_id: int, link: Link | None, *, own: bool = True, is_public: bool = False
) -> dict[str, Any]:
    """The question with its buttons, as arguments of discord.py's `send`."""
    if link is None:
        return {"embed": messages.not_linked(own)}
    yes = UnlinkButton(asker_id, link.discord_id, link.viewer_id)
    return {
        "embed": messages.ask_unlink(link, own=own, is_public=is_public),
        "view": question_view(yes, asker_id, _("Keep it")),
    }


class Linking(commands.Cog):
    """Whose Kick account is whose."""

    @commands.hybrid_command(name="link", extras=PRIVATE)
    @commands.guild_only()
    async def link(self, ctx: Context) -> None:
        """Link your Kick account, so that what you do in the stream counts here."""
        await give(ctx, StartButton())

    @commands.hybrid_command(name="unlink", extras=PRIVATE)
    @commands.guild_only()
    @commands.cooldown(5, 60, commands.BucketType.member)
    @app_commands.describe(
        person="For admins: a mention, a Discord id or a name on Kick; yourself if empty"
    )
    async def unlink(self, ctx: Context, *, person: str | None = None) -> None:
        """Unlink your Kick account; what it has earned stays with it."""
        own = person is None or discord_id_in(person) == ctx.author.id
        if not own and not await may_manage(ctx, __name__):
            raise for_moderators("Manage Server", __name__)
        link = await run_action(ctx, _find_link, None if own else person)
        is_public = ctx.interaction is None
        await answer(ctx, **ask_unlink(ctx.author.id, link, own=own, is_public=is_public))


def _find_link(work: Work, person: str | None) -> Link | None:
    if person is None:
        return people.find_link(work, work.actor)
    return actions.get_link(work, person)
