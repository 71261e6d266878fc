"""`/link` and `/unlink`, and their buttons."""

import asyncio
from collections.abc import Sequence
from typing import Any, Literal

import discord
from discord import app_commands
from discord.ext import commands

from core.kit.database.records import MemberId
from core.kit.database.work import Work
from core.kit.discord.access import for_moderators, is_admin, may_manage
from core.kit.discord.buttons import ConfirmButton, OwnButton, Person, give, question_view
from core.kit.discord.errors import gone
from core.kit.discord.ui import answer, run_action, sent_by_dm, server_command, services_of, view_of
from core.kit.errors import Refusal
from core.kit.services import Services
from core.kit.text.words import _
from core.people import store as people
from core.people.linking import actions, messages
from core.people.linking.actions import LINK_LASTS
from core.people.linking.platforms import PLATFORMS, Platform, list_offered
from core.people.lookup import discord_id_in
from core.people.records import Link, LinkAttempt

Context = commands.Context[commands.Bot]


class StartButton(OwnButton, template=r"people:link(?::(?P<platform>[a-z]+))?"):
    """Replies with personal links, or with the accounts that are already linked.

    Args:
        platform: only this platform; empty for those of the server.
    """

    address = "people:link"

    def __init__(self, platform: str = "") -> None:
        super().__init__(f"{self.address}:{platform}" if platform else "")
        self.platform = platform

    @staticmethod
    def words() -> str:
        return _("Link your account")

    async def give(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        """Raises Refusal if the member has asked too often."""
        message, _attempts = await self._invitation(services, guild, person, by_dm=False)
        return message

    async def give_by_dm(self, services: Services, guild: discord.Guild, person: Person) -> bool:
        message, attempts = await self._invitation(services, guild, person, by_dm=True)
        if await sent_by_dm(person, **message):
            return True
        link_ids = [attempt.link_id for attempt in attempts]
        await services.run_as_bot(guild.id, actions.drop_attempts, link_ids)
        return False

    async def give_privately(
        self, services: Services, guild: discord.Guild, person: Person
    ) -> dict[str, Any]:
        offered = await self._list_offered(services, guild)
        links = await services.run_as_bot(guild.id, people.list_links, person.id)
        theirs = {link.platform for link in links}
        if theirs.issuperset(platform.key for platform in offered):
            shown = [link for link in links if link.platform in {p.key for p in offered}]
            return {"embed": messages.already_linked(guild.name, shown)}
        return await super().give_privately(services, guild, person)

    async def _list_offered(self, services: Services, guild: discord.Guild) -> list[Platform]:
        if not self.platform:
            return await services.run_as_bot(guild.id, list_offered, services.settings)
        if self.platform not in PLATFORMS:
            raise gone()
        return [PLATFORMS[self.platform]]

    async def _invitation(
        self, services: Services, guild: discord.Guild, person: Person, *, by_dm: bool
    ) -> tuple[dict[str, Any], list[LinkAttempt]]:
        """The member's own links, as an embed with a button for each platform, or the accounts that
        are already linked; and the attempts opened for it.
        """
        offered = await self._list_offered(services, guild)
        attempts = [_attempt(services, person, platform, by_dm=by_dm) for platform in offered]
        links = await services.run_as_bot(guild.id, actions.open_attempts, attempts)
        linked = {link.platform for link in links}
        opened = [attempt for attempt in attempts if attempt.platform not in linked]
        if not opened:
            return {"embed": messages.already_linked(guild.name, links)}, []
        view = discord.ui.View(timeout=None)
        for attempt in opened:
            url = await asyncio.to_thread(actions.make_link, services, attempt)
            label = _("Link {platform}").format(platform=PLATFORMS[attempt.platform].name)
            view.add_item(discord.ui.Button(label=label, url=url))
        embed = messages.invitation(
            guild.name,
            [PLATFORMS[attempt.platform] for attempt in opened],
            links,
            opened[0].asked_at + LINK_LASTS,
        )
        return {"embed": embed, "view": view}, opened


def _attempt(services: Services, member: Person, platform: Platform, *, by_dm: bool) -> LinkAttempt:
    return LinkAttempt(
        platform=platform.key,
        discord_id=MemberId(member.id),
        discord_name=member.display_name,
        discord_handle=str(member),
        avatar_url=member.display_avatar.replace(size=128, static_format="png").url,
        by_dm=by_dm,
        asked_at=services.clock(),
    )


def start_button() -> discord.ui.View:
    """The button alone. Needs a running event loop."""
    return view_of(StartButton())


class UnlinkButton(
    ConfirmButton,
    template=r"people:unlink:(?P<asker>[0-9]+):(?P<member>[0-9]+):(?P<viewer>[0-9]+)",
):
    """Ends this link, but not a later one."""

    def __init__(self, asker: int, member: int, viewer: int, label: str = "") -> None:
        custom_id = f"people:unlink:{asker}:{member}:{viewer}"
        super().__init__(label or _("Unlink"), custom_id, asker)
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
    asker_id: int, links: Sequence[Link], *, own: bool = True, is_public: bool = False
) -> dict[str, Any]:
    """The question with a button for each account, as arguments of discord.py's `send`."""
    if not links:
        return {"embed": messages.not_linked(own)}
    several = _("Unlink {platform}") if len(links) > 1 else ""
    first, *others = (
        UnlinkButton(
            asker_id,
            link.discord_id,
            link.viewer_id,
            several.format(platform=PLATFORMS[link.platform].name),
        )
        for link in links
    )
    view = question_view(first, asker_id, _("Cancel"))
    for other in others:
        view.add_item(other)
    return {"embed": messages.ask_unlink(links, own=own, is_public=is_public), "view": view}


PlatformChoice = Literal["kick", "twitch"]


class Linking(commands.Cog):
    """Linking of accounts."""

    @server_command("link", private=True)
    @app_commands.describe(platform="Which platform. Default: those of this server's channels")
    async def link(self, ctx: Context, platform: PlatformChoice | None = None) -> None:
        """Link your Kick or Twitch account, so that what you do in the stream counts here."""
        if platform is not None and not PLATFORMS[platform].is_configured(
            services_of(ctx).settings
        ):
            name = PLATFORMS[platform].name
            raise Refusal(
                _("{platform} accounts can't be linked here.").format(platform=name),
                _("The bot is not connected to {platform}.").format(platform=name),
            )
        await give(ctx, StartButton(platform or ""))

    @server_command("unlink", private=True)
    @commands.cooldown(5, 60, commands.BucketType.member)
    @app_commands.describe(
        platform="Which platform, if several accounts are linked",
        person="For admins: a mention, a Discord id or a name. Default: you",
    )
    async def unlink(
        self, ctx: Context, platform: PlatformChoice | None = None, *, person: str | None = None
    ) -> None:
        """Unlink your Kick or Twitch account; what it has earned stays with it."""
        own = person is None or discord_id_in(person) == ctx.author.id
        if not own and not await may_manage(ctx, __name__):
            raise for_moderators("Manage Server", __name__)
        links = await run_action(ctx, _list_links, None if own else person, platform)
        is_public = ctx.interaction is None
        await answer(ctx, **ask_unlink(ctx.author.id, links, own=own, is_public=is_public))


def _list_links(work: Work, person: str | None, platform: str | None) -> list[Link]:
    theirs = people.list_links(work, work.actor)
    if person is not None:
        theirs = actions.get_links(work, person)
    return [link for link in theirs if platform in (None, link.platform)]
