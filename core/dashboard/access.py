"""Who is logged in, and their rights, which are checked with Discord on every request."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from zoneinfo import ZoneInfo

from flask import abort, redirect, request, session, url_for
from werkzeug.exceptions import HTTPException

from core.guilds import actions as guilds
from core.guilds import store as guild_store
from core.guilds.records import Guild
from core.kit import errors
from core.kit.database.connection import cache_of
from core.kit.database.records import THE_BOT
from core.kit.discord.rest import DiscordGuild, DiscordMember, DiscordRest, member_without_rights
from core.kit.services import Services
from core.kit.text.words import _
from core.kit.web.app import TOKEN
from core.kit.web.guild_pages import GuildPages, Page, Person
from core.logins.actions import find_session
from core.logins.records import WebSession
from core.twitch.accounts.store import list_guilds_of

VIEW_AS = "view_as"
"""Key of the roles as which an admin views servers: guild id -> role id."""


class LoginNeeded(HTTPException):
    """Redirects to the login, and back afterwards."""

    def __init__(self) -> None:
        is_page = request.method == "GET"
        target = request.full_path.rstrip("?") if is_page else url_for("dashboard.picker")
        super().__init__(response=redirect(url_for("dashboard.login", next=target), 303))


@dataclass(frozen=True)
class Rights:
    """A person's rights in a guild.

    Attributes:
        groups: the command groups they may use; None for all of them.
        is_admin: whether they may manage the server, even while viewing it as a moderator.
        role: the role they are viewing it as, or None.
    """

    guild: DiscordGuild
    member: DiscordMember
    groups: frozenset[str] | None
    is_admin: bool
    role: int | None
    time_zone: ZoneInfo
    known: Mapping[object, Any]

    @property
    def any(self) -> bool:
        return self.groups is None or bool(self.groups)


@dataclass(frozen=True)
class Access:
    """Checks the rights to pages.

    Attributes:
        of_streamers: the groups whose pages are open to streamers logged in with Twitch.
    """

    services: Services
    discord: DiscordRest
    of_streamers: frozenset[str] = frozenset()

    def find_login(self) -> WebSession | None:
        """The login of this browser."""
        token = session.get(TOKEN, "")
        if not token:
            return None
        with self.services.database.begin() as tx:
            return find_session(tx, token, self.services.clock())

    def login(self) -> WebSession:
        """The login of this browser. Raises LoginNeeded if there is none."""
        found = self.find_login()
        if found is None:
            raise LoginNeeded
        return found

    def rights(self, guild_id: int, login: WebSession) -> Rights | None:
        """The person's rights, or None if they or the bot are not in the guild. A streamer logged
        in with Twitch gets rights without groups, only in servers they have connected. Raises
        Outage."""
        return self._rights_as(guild_id, login, session.get(VIEW_AS, {}).get(str(guild_id)))

    def _rights_as(
        self, guild_id: int, login: WebSession, view_as: int | None = None
    ) -> Rights | None:
        # Call Discord before the transaction starts, because it may take seconds.
        guild = self.discord.guild(guild_id)
        member = self._member(guild_id, login)
        if guild is None or member is None:
            return None
        role = view_as if member.is_admin else None
        role_ids = member.role_ids if role is None else (role,)
        with self.services.work_in(guild_id) as work:
            if work.find(Guild) is None:
                return None
            groups = (
                None
                if member.is_admin and role is None
                else guild_store.list_granted(work.tx, guild_id, role_ids)
            )
            zone = guilds.time_zone_of(work)
            known = dict(cache_of(work.tx))
        return Rights(guild, member, groups, member.is_admin, role, zone, known)

    def _member(self, guild_id: int, login: WebSession) -> DiscordMember | None:
        if login.discord_id is not None:
            return self.discord.member(guild_id, login.discord_id)
        with self.services.database.begin() as tx:
            if guild_id not in list_guilds_of(tx, login.twitch_user_id or 0):
                return None
        return member_without_rights(login.name)

    def page(self, guild_id: int, pages: GuildPages | None, *, admins_only: bool = False) -> Page:
        """Check the rights and return the page context. `pages` is None for pages that need any
        right. Aborts with 404 for people who are not in the server, 403 for members without the
        right."""
        login = self.login()
        rights = self.rights(guild_id, login)
        if rights is None:
            abort(404)
        person = person_of(login)
        if person.is_streamer:
            if pages is None or not pages.for_streamer or admins_only:
                raise NotForStreamers
            rights = replace(rights, groups=self.of_streamers | {pages.group})
        may = rights.any and (
            pages is None or rights.groups is None or pages.group in rights.groups
        )
        if pages is not None and pages.for_members:
            may = True
        if not may or (admins_only and rights.groups is not None):
            raise Forbidden(pages if rights.any else None)
        return Page(
            services=self.services,
            discord=self.discord,
            pages=pages or OVERVIEW,
            guild=rights.guild,
            person=person,
            member=rights.member,
            groups=rights.groups,
            time_zone=rights.time_zone,
            view_as=rights.role,
            # A form may change data that was read before.
            known=rights.known if request.method == "GET" else {},
        )

    def may_follow(self, guild_id: int, token: str) -> bool:
        """Whether this token's session may still follow the changes in a guild. Works outside a
        request. Raises Outage.
        """
        with self.services.database.begin() as tx:
            login = find_session(tx, token, self.services.clock(), is_use=False)
        rights = None if login is None else self._rights_as(guild_id, login)
        if login is None or rights is None:
            return False
        return rights.any or person_of(login).is_streamer

    def guild_of_admin(self, guild_id: int) -> DiscordGuild:
        """The guild, for admins, including those viewing it as a moderator."""
        login = self.login()
        guild, member = self.discord.guild(guild_id), self._member(guild_id, login)
        if guild is None or member is None:
            abort(404)
        if not member.is_admin:
            raise Forbidden
        return guild


def person_of(login: WebSession) -> Person:
    """The person who is logged in."""
    return Person(login.discord_id or THE_BOT, login.name, login.avatar_url, login.twitch_user_id)


OVERVIEW = GuildPages("overview", lambda: _("Overview"), icon="layout-dashboard", order=0)
"""The page that needs any right."""

LIVE = GuildPages("live", lambda: _("Live"), icon="refresh", for_streamer=True)
"""The stream of changes, for streamers who logged in with Twitch."""

ME = GuildPages("me", lambda: _("Me"), icon="user", for_members=True)
"""The page of a member about themselves."""


class Forbidden(errors.Forbidden):
    """A member who has no right to these pages, or to any page."""

    def __init__(self, pages: GuildPages | None = None) -> None:
        if pages is None:
            what = _("This dashboard is for the moderators of the server.")
        else:
            what = _("You don't have access to “{title}”.").format(title=pages.title())
        super().__init__(
            what,
            _("An admin can give your role access with /permissions grant. Then reload this page."),
        )


class NotForStreamers(Forbidden):
    """A login with Twitch gives access to the Twitch pages only."""

    def __init__(self) -> None:
        super().__init__()
        self.what = _("With a Twitch login you can only use the Twitch pages.")
        self.remedy = _(
            "If you are a moderator on Discord, log in with Discord to use the other pages."
        )
