"""The declaration of a package: its handlers, commands, pages and tasks.

`core/features.py` collects the declarations; `combined_server.py` and `bot.py` pass them to the
worker, the sender, the bot, the web server and the scheduler. A feature never registers itself.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias

from core.kit.database.personal import Personal
from core.kit.goals import NextGoal
from core.kit.guild_settings import GuildSetting
from core.kit.health_item import HealthItem
from core.kit.tasks import Task

if TYPE_CHECKING:
    from discord.ext import commands
    from flask import Blueprint
    from sqlalchemy import Connection

    from core.kit.database.work import Work
    from core.kit.discord.paginator import Paginator
    from core.kit.services import Services
    from core.kit.web.api import Api
    from core.kit.web.guild_pages import (
        Activity,
        GuildPages,
        Page,
        PersonCard,
        PublicPage,
        SetupStep,
        Stat,
    )
    from core.kit.web.overlays import Latest, Overlay

BatchHandler: TypeAlias = "Callable[[Connection, Sequence[Any]], None]"
"""Like `EventHandler`, for several events at once."""

EventHandler: TypeAlias = "Callable[[Connection, Any], None]"
"""`on_<event>(tx, event)`: turns one event into an action, inside the given transaction."""


CogBuilder: TypeAlias = "Callable[[Services], commands.Cog]"
"""Builds a group of Discord commands."""

COMMAND_LASTS = timedelta(minutes=2)
"""After an outage, commands arrive minutes or hours late, when their senders have already tried
again or left.
"""


@dataclass(frozen=True)
class ChatCommand:
    """A command typed in the streamer's chat.

    Attributes:
        names: its names without the exclamation mark; the first one is documented.
        run: `run(tx, messages)`, each a `ChatMessageSent` with this command.
        usage: its usage, such as `!call <slot>`.
        help: one sentence for viewers.
        in_batches: `run` takes all matching messages of a batch at once, before `Feature.handlers`.
        lasts: how long after it was typed it is still run.
    """

    names: tuple[str, ...]
    run: BatchHandler
    usage: str
    help: str
    in_batches: bool = False
    lasts: timedelta = COMMAND_LASTS


@dataclass(frozen=True)
class Digested:
    """For `Feature.lines`: a confirmation sent once for many viewers in a busy chat.

    Attributes:
        one: payload -> line.
        many: several payloads -> one line for all of them.
    """

    one: "Callable[[Mapping[str, Any]], str]"
    many: "Callable[[Sequence[Mapping[str, Any]]], str]"

    def __call__(self, payload: "Mapping[str, Any]") -> str:
        return self.one(payload)


ChatUsers = Literal["everyone", "subscribers", "moderators", "streamer"]
"""Who may use a chat command; each includes those after it."""


@dataclass(frozen=True)
class ChatRules:
    """How a server uses a chat command.

    Attributes:
        names: the first one is shown.
        cooldown: seconds between two replies; moderators and the streamer have none.
    """

    names: tuple[str, ...]
    enabled: bool = True
    who: ChatUsers = "everyone"
    cooldown: int = 0


class Runner(Protocol):
    """A background worker with its own threads, for the lifetime of the process."""

    def start(self) -> None:
        """Start; returns at once."""

    def stop(self) -> None:
        """Finish the current work within a few seconds."""

    def status(self) -> list[HealthItem]:
        """For the health page; callable from any thread."""


Check: TypeAlias = "Callable[[Connection, datetime], list[HealthItem]]"
"""`check_health(tx, now)`: a feature's items on the health page."""


@dataclass(frozen=True)
class Offer:
    """Something that viewers can buy with points. `core.points` takes them and publishes
    `PointsSpent`; the feature delivers, or publishes `PointsPurchaseRefused`.

    Attributes:
        key: feature first, such as `raffle.tickets`.
        words: its names in `!buy tickets 5`; the first one is shown.
        say: `say(5)` -> `5 raffle tickets`.
        price: default price of one.
        maximum: largest number per purchase.
        for_all_points: by default it can be paid for with points from Kicks, bits and game
            winnings.
        why_not: `why_not(work, viewer_id)` -> why it cannot be delivered to this viewer right now,
            or "". The shop calls it before it takes the points. It takes no locks.
    """

    key: str
    words: tuple[str, ...]
    say: Callable[[int], str]
    price: int
    maximum: int = 1
    for_all_points: bool = True
    why_not: Callable[[Any, int], str] = lambda _work, _viewer_id: ""


AuditLine: TypeAlias = "str | Callable[[Any, Any], str]"
"""The text of an audit log entry, to follow the actor's name, such as `N_("ended raffle {target}
early (was {before})")`; or `line(before, after)`, which returns it translated. The fields `target`,
`before` and `after` are filled in; in an entry with several values, `before_ends_at` is the value
with this name. `after_time` shows a number of minutes as a duration.
"""


def count_in(value: Any) -> int:
    """The count in an audit log entry; 0 if an older version did not store one."""
    return value if isinstance(value, int) else 0


@dataclass(frozen=True)
class Undo:
    """How a change in the audit log is undone.

    Attributes:
        in_effect: `in_effect(work, entries)` -> the entries whose change is still in effect.
        run: `run(work, entry)` does the opposite.
        rights_of: the action whose rights it needs, see `core/kit/rights.py`.
    """

    in_effect: "Callable[[Work, Sequence[Any]], Sequence[Any]]"
    run: "Callable[[Work, Any], object]"
    rights_of: "Callable[..., Any] | None" = None


@dataclass(frozen=True)
class Feature:
    """The declaration of a package. Everything except the name is optional.

    Attributes:
        name: the package below `core`.
        handlers: event class -> its handler.
        batch_handlers: event class -> handler of all these events of a batch, in order, called
            before `handlers`. Its effects must not depend on how events are split into batches.
        cogs: each builds a group of Discord commands.
        pages: each builds a blueprint of web pages.
        chat_commands: its commands in the streamer's chat.
        chat_rules: `chat_rules(tx, guild_id, command)`: a server's rules for a chat command of any
            feature; declared by one feature.
        settings: its settings for a server's admin.
        tasks: scheduled work.
        embeds: outbox kind -> function that renders the payload for Discord.
        translates: inbox source -> function that turns a delivery into events.
        lines: outbox kind -> function that renders the payload as one chat message.
        checks: health checks.
        buttons: persistent Discord components (`DynamicItem` classes).
        paginators: lists with pages.
        settles: outbox kind -> handler of the receipts, a `core.outbox.transport.Settler`.
        on_channel_refused: handler of posts that Discord rejects in their channel, a
            `core.outbox.transport.ChannelRefusalHandler`.
        runs: background workers.
        next_goal: the next reward for watchtime, shown next to the watchtime.
        audit: action in the audit log -> text of its entry.
        undo: action in the audit log -> how it is undone.
        dashboard: its pages of the dashboard and their entry in the navigation, or several.
        stats: `stats(work)`: its numbers on the overview.
        setup: `setup(page)`: its steps in the setup checklist.
        activity: `activity(page)`: recent activity, newest first, for people with access.
        history: `history(page, discord_id, viewer_id)`: a person's history, newest first.
        person: `person(work, discord_id, viewer_ids)`: its part of a person's page, and of their
            own page.
        me: forms and downloads on a person's own page, which includes `<feature>/me.html`.
        public: its public pages.
        api: its endpoints of the HTTP API.
        overlays: its overlays for OBS.
        offers: its items that viewers can buy with points.
        latest: `latest(work)`: recent public events, newest first.
        personal: its data about people, for `/mydata` and `/forgetme`.
    """

    name: str
    handlers: Mapping[type, EventHandler] = field(default_factory=dict)
    batch_handlers: Mapping[type, BatchHandler] = field(default_factory=dict)
    cogs: tuple[CogBuilder, ...] = ()
    pages: "tuple[Callable[[Services], Blueprint], ...]" = ()
    chat_commands: tuple[ChatCommand, ...] = ()
    chat_rules: "Callable[[Connection, int, ChatCommand], ChatRules] | None" = None
    settings: tuple[GuildSetting[Any], ...] = ()
    tasks: tuple[Task, ...] = ()
    embeds: Mapping[str, Callable[[Mapping[str, Any]], Any]] = field(default_factory=dict)
    translates: "Mapping[str, Callable[[Connection, Any], list[Any]]]" = field(default_factory=dict)
    lines: Mapping[str, Callable[[Mapping[str, Any]], str]] = field(default_factory=dict)
    checks: tuple[Check, ...] = ()
    buttons: tuple[type, ...] = ()
    paginators: "tuple[Paginator, ...]" = ()
    settles: "Mapping[str, Callable[[Connection, Any, dict[str, Any], datetime], None]]" = field(
        default_factory=dict
    )
    on_channel_refused: "Callable[[Connection, Any, Any, datetime], None] | None" = None
    runs: "tuple[Callable[[Services], Runner], ...]" = ()
    next_goal: "NextGoal | None" = None
    audit: Mapping[str, AuditLine] = field(default_factory=dict)
    undo: Mapping[str, Undo] = field(default_factory=dict)
    dashboard: "GuildPages | tuple[GuildPages, ...] | None" = None
    stats: "Callable[[Work], Sequence[Stat]] | None" = None
    setup: "Callable[[Page], Sequence[SetupStep]] | None" = None
    activity: "Callable[[Page], Sequence[Activity]] | None" = None
    history: "Callable[[Page, int | None, int], Sequence[Activity]] | None" = None
    person: "Callable[[Work, int | None, Sequence[int]], Sequence[PersonCard]] | None" = None
    me: "GuildPages | None" = None
    public: "tuple[PublicPage, ...]" = ()
    api: "Api | None" = None
    overlays: "tuple[Overlay, ...]" = ()
    offers: tuple[Offer, ...] = ()
    latest: "Callable[[Work], Sequence[Latest]] | None" = None
    personal: Personal | None = None

    @property
    def guild_pages(self) -> "tuple[GuildPages, ...]":
        """Its pages of the dashboard, each with an entry in the navigation."""
        if self.dashboard is None:
            return ()
        return self.dashboard if isinstance(self.dashboard, tuple) else (self.dashboard,)
