"""The way to one's link, for commands and panels, and the buttons of it. They are found by their
custom ids, so they outlive restarts."""

import asyncio
from typing import Any

import discord
from sqlalchemy import Connection

from core.kit.discord_access import is_admin
from core.kit.discord_own import OwnButton, alone
from core.kit.discord_questions import ConfirmButton, question_view
from core.kit.discord_ui import run_action, sent_by_dm
from core.kit.services import Services
from core.kit.signed_links import PersonalLink
from core.kit.words import _
from core.kit.work import Work
from core.people import store as people
from core.people.linking import actions, embeds, store
from core.people.linking.flow import LINKS
from core.people.linking.rules import LINK_LASTS
from core.people.linking.store import Attempt
from core.people.records import Link

Invitation = tuple[discord.Embed, discord.ui.View]


async def invite(services: Services, guild: discord.Guild, member: discord.abc.User) -> Invitation:
    """The member's own link, as an embed with a button, for an answer that nobody else sees; or
    which account is linked already.

    Raises:
        Refusal: the member has asked too often.
    """
    return await _invitation(services, guild, await _open(services, guild, member, by_dm=False))


async def invite_by_dm(
    services: Services, guild: discord.Guild, member: discord.User | discord.Member
) -> bool:
    """The same by direct message; False when the member takes none, and then nothing has happened.

    Raises:
        Refusal: the member has asked too often.
    """
    opened = await _open(services, guild, member, by_dm=True)
    if await sent_by_dm(member, *await _invitation(services, guild, opened)):
        return True
    if isinstance(opened, Attempt):
        await services.database.run(store.end_attempt, guild.id, opened.link_id)
    return False


async def _open(
    services: Services, guild: discord.Guild, member: discord.abc.User, *, by_dm: bool
) -> Attempt | Link:
    who = actions.Member(
        guild.id,
        member.id,
        member.display_name,
        str(member),
        member.display_avatar.replace(size=128, static_format="png").url,
    )

    def open_attempt(tx: Connection) -> Attempt | Link:
        link = people.find_link(tx, guild.id, member.id)
        return link or actions.open_attempt(tx, who, by_dm, services.clock())

    return await services.database.run(open_attempt)


async def _invitation(
    services: Services, guild: discord.Guild, opened: Attempt | Link
) -> Invitation:
    view = discord.ui.View(timeout=None)
    if isinstance(opened, Link):
        return embeds.already_linked(guild.name, opened), view
    link = PersonalLink(opened.link_id, opened.guild_id, opened.discord_id)
    url = await asyncio.to_thread(LINKS.make, services.settings, link)
    view.add_item(discord.ui.Button(label=_("Link with Kick"), url=url))
    return embeds.invitation(guild.name, opened.asked_at + LINK_LASTS), view


class StartButton(OwnButton, template=r"people:link"):
    """Gives whoever presses it a link of their own."""

    address = "people:link"

    @staticmethod
    def words() -> str:
        return _("Link with Kick")

    async def give(
        self, services: Services, guild: discord.Guild, person: discord.abc.User
    ) -> dict[str, Any]:
        embed, view = await invite(services, guild, person)
        return {"embed": embed, "view": view}


def start_button() -> discord.ui.View:
    """The button alone. Needs a running event loop."""
    return alone(StartButton())


_UNLINK = r"people:unlink:(?P<asker>[0-9]+):(?P<member>[0-9]+):(?P<viewer>[0-9]+)"


def unlink_buttons(asker_id: int, link: Link) -> discord.ui.View:
    """Unlink, or keep it. Needs a running event loop."""
    yes = UnlinkButton(asker_id, link.discord_id, link.viewer_id)
    return question_view(yes, asker_id, _("Keep it"))


class UnlinkButton(ConfirmButton, template=_UNLINK):
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
            return embeds.unlinked(self.is_own)
        return embeds.not_linked(self.is_own)

    def _unlink(self, work: Work) -> bool:
        link = people.find_link_of_viewer(work.tx, work.guild_id, self.viewer_id)
        if link is None or link.discord_id != self.discord_id:
            return False
        return actions.unlink_account(work.tx, link, work.actor, work.now)
