"""Pages of the dashboard, as features declare them; `core/dashboard` serves them.

    PAGES = GuildPages("quotes", lambda: _("Quotes"), icon="quote", order=60)

    @PAGES.get()
    def show(page: Page) -> str:
        return page.render("quotes/quotes.html", quotes=page.run(actions.list_quotes))

    @PAGES.post("delete", shows=show)
    def delete(page: Page) -> Response:
        page.run(actions.delete_quote, page.form["text"])
        return page.done(_("Quote deleted"))

They appear under `/g/<guild id>/quotes`. Only members with the feature's command group have access
(`/permissions`), and forms carry a CSRF token. A `Refusal` shows the page of `shows` again, with
the reason and what was typed.
"""

import hashlib
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar
from urllib.parse import urlencode
from uuid import uuid4
from zoneinfo import ZoneInfo

from flask import Response, flash, redirect, render_template, request, url_for
from werkzeug.datastructures import MultiDict

from core.kit.database.connection import cache_of
from core.kit.database.records import PlatformUserId
from core.kit.database.work import Work
from core.kit.discord.rest import DiscordGuild, DiscordMember, DiscordRest, Role
from core.kit.discord.roles import has_powers
from core.kit.errors import Outage, Refusal, Unclear
from core.kit.guild_settings import GuildSetting
from core.kit.rights import Action, is_for_admins
from core.kit.seen_roles import NEVER, SeenRole, obstacle_of
from core.kit.services import Services
from core.kit.text.amounts import parse_whole
from core.kit.text.spreadsheets import csv_text
from core.kit.text.words import _

P = ParamSpec("P")
T = TypeVar("T")

WHO = ("viewer", "person", "by", "winner", "value")
"""Names of form fields for people's names."""

View = Callable[..., "Response | str"]
"""`view(page, **parts of the path)`."""


@dataclass(frozen=True)
class Route:
    """One address of a feature's pages.

    Attributes:
        path: the path below the feature's own, such as `<int:number>/close`; empty for its first
            page.
        shows: for a form, the page it belongs to.
        rights_of: the action whose rights it needs (`core/kit/rights.py`); without one, or for an
            action that is not declared, the feature's group is enough.
        card: returns the title of this page's card on the overview, which shows the element whose
            id is the view's name.
    """

    path: str
    view: View
    method: str = "GET"
    shows: View | None = None
    rights_of: Action | None = None
    card: Callable[[], str] | None = None

    @property
    def admins_only(self) -> bool:
        """Moderators who were granted the feature's group cannot use it."""
        return is_for_admins(self.rights_of)

    @property
    def name(self) -> str:
        return getattr(self.view, "__name__", "")


@dataclass
class GuildPages:
    """A feature's pages and its entry in the navigation.

    Attributes:
        name: part of the address, and of `url_for("dashboard.<name>.<view>")`.
        title: returns the entry's text.
        icon: a name from https://tabler.io/icons.
        order: position in the navigation; lower numbers come first. Below 20 are connections, below
            50 the community, below 80 the stream, and then the server.
        group: the command group that gives access; by default the one with the same name.
        for_streamer: the owner of the server's Twitch channel may use them, signed in with Twitch
            instead of Discord, except for admin-only views. `page.person.discord_id` is then that
            of the bot, and the audit log names the streamer.
        for_members: every member of the server may use them for their own data: forms and downloads
            on the page `/me`, without separate pages.
    """

    name: str
    title: Callable[[], str]
    icon: str
    order: int = 50
    group: str = ""
    for_members: bool = False
    for_streamer: bool = False
    routes: list[Route] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.group = self.group or self.name

    def get(
        self,
        path: str = "",
        *,
        rights_of: Action | None = None,
        card: Callable[[], str] | None = None,
    ) -> Callable[[View], View]:
        """Declare a page."""
        return self._add(lambda view: Route(path, view, rights_of=rights_of, card=card))

    def post(
        self, path: str, *, shows: View | None = None, rights_of: Action | None = None
    ) -> Callable[[View], View]:
        """Declare the action of a form; `shows` is the page with the form."""
        return self._add(lambda view: Route(path, view, "POST", shows, rights_of))

    def _add(self, route_of: Callable[[View], Route]) -> Callable[[View], View]:
        def add(view: View) -> View:
            self.routes.append(route_of(view))
            return view

        return add


@dataclass(frozen=True)
class Person:
    """The logged-in person.

    Attributes:
        discord_id: 0 for a streamer who signed in with Twitch.
        twitch_id: None for everybody else.
    """

    discord_id: int
    name: str
    avatar_url: str = ""
    twitch_id: "PlatformUserId | None" = None

    @property
    def is_streamer(self) -> bool:
        """Whether they logged in with Twitch."""
        return self.twitch_id is not None

    @property
    def key(self) -> str:
        """Unique for each person."""
        return f"twitch:{self.twitch_id}" if self.is_streamer else str(self.discord_id)


@dataclass
class Page:
    """One request of a dashboard page.

    Attributes:
        member: the person as a member of the guild.
        groups: the command groups they may use; None for all of them.
        typed: the values of a refused form; empty otherwise.
        refusal: why the form was refused.
        bot: the bot as a member of the guild, if a form is being handled and Discord is up.
        view_as: the role an admin is viewing the server as.
        work: the open unit of work; see `together`.
        known: data read by the rights check, which initializes the cache of each transaction.
    """

    services: Services
    discord: DiscordRest
    pages: GuildPages
    guild: DiscordGuild
    person: Person
    member: DiscordMember
    groups: frozenset[str] | None
    time_zone: ZoneInfo
    typed: "MultiDict[str, str]" = field(default_factory=MultiDict)
    refusal: Refusal | None = None
    shows: Route | None = None
    bot: DiscordMember | None = None
    view_as: int | None = None
    work: Work | None = None
    known: Mapping[object, Any] = field(default_factory=dict)

    @property
    def is_read_only(self) -> bool:
        """Discord is down, so rights may be out of date."""
        return self.member.is_stale

    def may(self, group: str) -> bool:
        return self.groups is None or group in self.groups

    def offers(self, view: str) -> bool:
        """Whether the person may use this view of the feature."""
        routes = [route for route in self.pages.routes if route.name == view]
        return self.groups is None or not any(route.admins_only for route in routes)

    @property
    def form(self) -> "MultiDict[str, str]":
        return request.form

    @property
    def form_key(self) -> str:
        """Identical for every click that submits the same form (`ui.form`) with the same content,
        so that it takes effect only once.
        """
        if not request.form.get("form_key"):
            return f"web:{uuid4().hex}"
        sent = sorted(item for item in request.form.items(multi=True) if item[0] != "csrf_token")
        return f"web:{hashlib.sha256(json.dumps(sent).encode()).hexdigest()[:32]}"

    def typed_with(self, choice: str) -> list[tuple[str, str]]:
        """The form's values, with a choice in place of the ambiguous one."""
        assert isinstance(self.refusal, Unclear), "only then there is a choice"
        unclear = self.refusal.typed.strip()
        same = {name for name, given in self.typed.items(multi=True) if given.strip() == unclear}
        replaced = same & set(WHO) or same
        return [
            (name, choice if name in replaced and given.strip() == unclear else given)
            for name, given in self.typed.items(multi=True)
        ]

    def new_key(self) -> str:
        return uuid4().hex

    def number(self, name: str, default: int = 1) -> int:
        """A number in the query, such as the page of a list; the default if it is none."""
        return request.args.get(name, default, type=int)

    def day(self, name: str, after: int = 0) -> datetime | None:
        """The start of the day in the query, or of a day this many days later; None if there is no
        such day.
        """
        try:
            found = date.fromisoformat(request.args.get(name, "")) + timedelta(days=after)
            return datetime(found.year, found.month, found.day, tzinfo=self.time_zone)
        except (ValueError, OverflowError):
            return None

    def member_names(self, ids: Iterable[int]) -> dict[int, str]:
        """Discord id -> name in the server, of a few members, as far as Discord knows them; 0 is a
        forgotten person.
        """
        found = {0: _("a deleted member")}
        for member_id in set(ids) - {0}:
            try:
                member = self.discord.member(self.guild.id, member_id)
            except Outage:
                break
            if member is not None:
                found[member_id] = member.name
        return found

    def run(
        self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `action(work, ...)` in the guild, on behalf of the person."""
        with self.together() as work:
            return action(work, *args, **kwargs)

    @contextmanager
    def together(self) -> "Iterator[Work]":
        """Runs the block in one transaction, for pages that only read."""
        if self.work is not None:
            yield self.work
            return
        person = self.person
        with self.services.work_in(
            self.guild.id, person.discord_id, streamer=person.twitch_id
        ) as self.work:
            cache_of(self.work.tx).update(self.known)
            if (groups := self.groups) is not None:
                self.work.limit_to(lambda _tx: groups)
            self.work.find_role = self.find_role
            try:
                yield self.work
            finally:
                self.work = None

    def render(self, template: str, **values: Any) -> str:
        return render_template(template, page=self, **values)

    def done(self, message: str, to: View | None = None, **parts: Any) -> Response:
        """Redirect to a page, by default the one with the form, and show the message there."""
        flash(message, "success")
        if self.pages.for_members:
            return redirect(self.me_url, 303)  # type: ignore[return-value]
        target = to or (self.shows.view if self.shows else None)
        assert target is not None, "a GET route is not done"
        if to is None:
            parts = {**(request.view_args or {}), **parts}
        return self.go(target, **parts)

    def go(self, view: View, **parts: Any) -> Response:
        parts.pop("guild_id", None)
        query = {name: value for name, value in request.args.items() if name not in parts}
        address = self.url(view, **parts)
        if query:
            address += "?" + urlencode(query)
        return redirect(address, 303)  # type: ignore[return-value]

    def url(self, view: View, **parts: Any) -> str:
        """The address of a page of this feature."""
        return self.url_of(self.pages, view, **parts)

    def url_of(self, pages: GuildPages, view: View, **parts: Any) -> str:
        """The address of a page of any feature."""
        name = getattr(view, "__name__", "")
        return url_for(f"dashboard.{pages.name}.{name}", guild_id=self.guild.id, **parts)

    @property
    def origin(self) -> str:
        """The address of the page with the form."""
        if self.pages.for_members:
            return self.me_url
        assert self.shows is not None, "a GET route has no form"
        return self.url(self.shows.view)

    @property
    def me_url(self) -> str:
        """The address of the person's own page."""
        return url_for("dashboard.me", guild_id=self.guild.id)

    def find_role(self, role_id: int) -> SeenRole:
        """A role as the bot and the person see it."""
        role = next((role for role in self.guild.roles if role.id == role_id), None)
        if role is None:
            return SeenRole("deleted")
        bot = self.bot
        obstacle = obstacle_of(
            everyone=role.id == self.guild.id,
            managed=role.managed,
            powers=has_powers(role.permissions),
            may_manage=bot is None or "manage_roles" not in bot.lacks(),
            above=bot is not None and not _is_above(bot, role),
        )
        return SeenRole(obstacle, _is_above(self.member, role))

    def role_choices(self) -> list[tuple[str, str]]:
        """Id and name of the roles the person may let the bot give, for `select_field`."""
        return [
            (str(role.id), role.name)
            for role in self.guild.roles
            if (seen := self.find_role(role.id)).is_theirs and seen.obstacle not in NEVER
        ]

    def role_names(self) -> list[tuple[str, str]]:
        return [(str(role.id), f"@{role.name}") for role in self.guild.roles]

    def channel_choices(self) -> list[tuple[str, str]]:
        """Id and name of the text channels, for `select_field`."""
        channels = self.discord.text_channels(self.guild.id)
        return [(str(channel.id), f"#{channel.name}") for channel in channels]


def _is_above(member: DiscordMember, role: Role) -> bool:
    return member.is_owner or role.position < member.top_position


@dataclass(frozen=True)
class Stat:
    """A number on the overview.

    Attributes:
        label: the name of the number.
        value: the displayed text.
        note: a few words below the value.
        pages: name of the pages it links to.
    """

    label: str
    value: str
    note: str = ""
    pages: str = ""
    icon: str = ""


@dataclass(frozen=True)
class Activity:
    """A recent event for the overview; `url` shows more about it."""

    at: datetime
    text: str
    icon: str
    url: str = ""


MAX_ACTIVITIES = 15
"""Maximum per feature, and in total."""


@dataclass(frozen=True)
class SetupStep:
    """A step on the way to a working server.

    Attributes:
        title: such as "Choose a channel for slot requests".
        is_done: the step needs no attention.
        text: the state, or the problem and what to do.
        url: the page for the step; empty if there is none.
        button: text of the link.
        order: position in the list.
        optional: the server works without it.
    """

    title: str
    is_done: bool
    text: str
    url: str = ""
    button: str = ""
    order: int = 50
    optional: bool = False


@dataclass(frozen=True)
class PersonCard:
    """A feature's part of a person's page, and of their own page.

    Attributes:
        rows: labels and values.
        template: replaces the rows; gets `values`.
        url: the feature's own page about the person.
    """

    title: str
    icon: str
    rows: Sequence[tuple[str, str]] = ()
    template: str = ""
    values: Mapping[str, Any] = field(default_factory=dict)
    url: str = ""
    order: int = 50


@dataclass(frozen=True)
class PublicPage:
    """A public page under `/p/<guild id>/<name>`, cached for a few seconds.

    Attributes:
        title: returns its heading.
        setting: whether the server shows it.
        view: `view(public)` -> HTML, or a file.
        numbered: it can be about one record, `public.number`.
    """

    name: str
    title: Callable[[], str]
    icon: str
    setting: GuildSetting[bool]
    view: "Callable[[PublicRequest], str | Response]"
    order: int = 50
    numbered: bool = False


@dataclass(frozen=True)
class PublicRequest:
    """A request of a public page. It knows nothing about the visitor, because it is cached.

    Attributes:
        shown: all public pages of the server, for the navigation.
        number: the number of one record, from an address such as `/p/<guild id>/hunts/3`.
    """

    services: Services
    guild_id: int
    guild_name: str
    time_zone: ZoneInfo
    page: PublicPage
    shown: tuple[PublicPage, ...]
    number: int | None = None

    def run(
        self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        """Run `action(work, ...)` in the guild."""
        with self.services.work_in(self.guild_id) as work:
            return action(work, *args, **kwargs)

    def render(self, template: str, **values: Any) -> str:
        return render_template(template, page=self, **values)


def local_time(instant: datetime, zone: ZoneInfo) -> str:
    """Date, time of day and zone, such as `2026-05-01 14:03 CEST`; the only way to write them."""
    return f"{instant.astimezone(zone):%Y-%m-%d %H:%M %Z}"


def csv_response(name: str, header: Sequence[str], rows: Iterable[Sequence[Any]]) -> Response:
    """A file for spreadsheets to download."""
    response = Response("\ufeff" + csv_text(header, rows), content_type="text/csv; charset=utf-8")
    response.headers["Content-Disposition"] = f'attachment; filename="{name}.csv"'
    return response


def whole_number(form: "MultiDict[str, str]", name: str, label: str) -> int:
    """The number in a field. Raises Refusal if it is not a number."""
    try:
        return parse_whole(form.get(name, ""))
    except Refusal as refusal:
        what = _("{label} must be a whole number.").format(label=label)
        raise Refusal(what, f"{refusal.what} {refusal.remedy}") from None
