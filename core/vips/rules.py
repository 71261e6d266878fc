"""Settings, who may redeem, how long VIP lasts, and texts about it. Pure."""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from core.kit.errors import Refusal
from core.kit.guild_settings import GuildSettings, channel, choice, number, switch, text
from core.kit.text.amounts import parse_length
from core.kit.text.words import N_, _, plural

MIN_MINUTES, MAX_MINUTES = 1, 60 * 24 * 366

MAX_ADDS = MAX_REMOVALS = 8
"""Of each, in `WINDOW`. Twitch allows ten."""
WINDOW = timedelta(seconds=10)

LIST_LAG = timedelta(seconds=5)
"""How long Twitch's list of VIPs may lag behind a change."""

OWN_REMOVAL = timedelta(seconds=10)
"""A removal reported this soon after we granted VIP may be of an earlier VIP."""

CALL_LASTS = timedelta(seconds=12)
"""How long after its start a call to Twitch may have its effect."""

SWEEP = "redemptions:"
"""The list of a reward's open redemptions, before its number."""

SWEEP_EVERY = timedelta(minutes=3)
LIST_EVERY = timedelta(minutes=10)
LIST_AGAIN = timedelta(seconds=15)
"""After a list that Twitch did not give."""

FULL_AGAIN = timedelta(minutes=30)
"""After Twitch had no slot left: slots may have been added, which no API tells."""

PATIENCE = 3
"""Refusals in a row before one is shown: Twitch also refuses by mistake."""
OUTAGE_PATIENCE = 8
"""Calls without an answer in a row before that is shown: about four minutes."""

Reason = Literal[
    "",
    "off",
    "not_subscribed",
    "watchtime",
    "not_linked",
    "excluded",
    "cooldown",
    "full",
    "locked",
    "already_vip",
    "moderator",
    "broadcaster",
    "unknown",
    "refused",
    "revoked",
    "withdrawn",
    "left",
    "disconnected",
]
"""Why somebody does not get VIP."""

SubscriptionRule = Literal["off", "fixed", "while_subscribed"]

GRANTED, EXTENDED, REFUNDED, ENDED, WARNING = (
    "@{viewer} is VIP now, for {duration}!",
    "@{viewer} VIP extended, {left} left.",
    "@{viewer} Your channel points are back: {reason}",
    "",
    "@{viewer} Your VIP ends in {left}.",
)


def _hours(
    help: str, label: str, *, default: int = 24, minimum: int = 1, maximum: int = 8784
) -> Any:
    return number(help, default=default, minimum=minimum, maximum=maximum, label=label, unit="h")


class VipSettings(GuildSettings, feature="vips"):
    """Settings of a server."""

    headings = {  # noqa: RUF012
        "default_hours": N_("Duration and messages"),
        "slots": N_("VIP slots"),
        "subscribers_only": N_("Who may redeem"),
        "subscription": N_("VIP without channel points"),
        "text_granted": N_("Texts in chat"),
    }
    default_hours: int = _hours(
        "How many hours VIP lasts, unless a reward or command says otherwise.",
        "Default duration",
        default=12,
    )
    auto_remove: bool = switch(
        "Whether expired VIPs are removed on Twitch.",
        default=True,
        label="Remove expired VIPs",
    )
    notifications: bool = switch(
        "Whether the bot announces granted and extended VIPs and refunds in chat.",
        default=True,
        label="Messages in chat",
    )
    log_channel: int = channel(
        "The Discord channel where every change of a VIP is posted.", label="Log channel"
    )
    warn_percent: int = number(
        "After how many percent of the time a viewer is warned by direct message (or in chat "
        "if their DMs are closed); 0 for never.",
        default=0,
        minimum=0,
        maximum=99,
        label="Warn after",
        unit="%",
    )
    slots: int = number(
        "How many VIP slots the channel has on Twitch; 0 if you don't know: the bot then notices "
        "when Twitch reports that they are full.",
        default=0,
        minimum=0,
        maximum=1000,
        label="VIP slots",
    )
    reserved: int = number(
        "How many of those slots are kept for VIPs that you choose yourself on Twitch.",
        default=0,
        minimum=0,
        maximum=1000,
        label="Reserved slots",
    )
    subscribers_only: bool = switch(
        "Whether only subscribers can redeem VIP.", default=False, label="Subscribers only"
    )
    linked_only: bool = switch(
        "Whether only viewers who linked their account can redeem VIP.",
        default=False,
        label="Linked viewers only",
    )
    min_watch_hours: int = _hours(
        "How many hours somebody must have watched to redeem VIP.",
        "Minimum watchtime",
        default=0,
        minimum=0,
        maximum=10_000,
    )
    cooldown_hours: int = _hours(
        "How many hours a viewer has to wait between two redemptions of VIP.",
        "Cooldown",
        default=0,
        minimum=0,
    )
    subscription: str = choice(
        "Whether subscribing on Twitch gives VIP: for `subscription_hours`, or as long as they "
        "subscribe.",
        SubscriptionRule,
        default="off",
        label="VIP by subscription",
    )
    subscription_hours: int = _hours(
        "How many hours of VIP a subscription gives.", "Hours by subscription"
    )
    gifted_subs: bool = switch(
        "Whether a gifted subscription counts as one.", default=True, label="Count gifted subs"
    )
    bits: int = number(
        "How many bits in one cheer give VIP; 0 for never.",
        default=0,
        minimum=0,
        maximum=1_000_000,
        label="VIP by bits",
        unit="bits",
    )
    bits_hours: int = _hours("How many hours of VIP such a cheer gives.", "Hours by bits")
    raffle_hours: int = _hours(
        "How many hours of VIP the winner of a raffle gets; 0 for none.",
        "VIP for raffle winners",
        default=0,
        minimum=0,
    )
    watch_hours: int = _hours(
        "How many hours of watchtime give VIP, once per viewer; 0 for never.",
        "VIP by watchtime",
        default=0,
        minimum=0,
        maximum=100_000,
    )
    watch_vip_hours: int = _hours("How many hours of VIP such a viewer gets.", "Hours by watchtime")
    text_granted: str = text(
        "Chat message when somebody becomes VIP: {viewer} {duration} {reward}.",
        default=GRANTED,
        label="Text: granted",
    )
    text_extended: str = text(
        "Chat message when somebody's VIP is extended: {viewer} {duration} {left} {reward}.",
        default=EXTENDED,
        label="Text: extended",
    )
    text_refunded: str = text(
        "Chat message when channel points are refunded: {viewer} {reason} {reward}.",
        default=REFUNDED,
        label="Text: refunded",
    )
    text_ended: str = text(
        "Chat message when somebody's VIP has ended: {viewer}. Empty for none.",
        default=ENDED,
        label="Text: ended",
    )
    text_warning: str = text(
        "Chat message when somebody's VIP is about to end: {viewer} {left}.",
        default=WARNING,
        label="Text: warning",
    )


# -- who may redeem -------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Redeemer:
    """A viewer at the moment of a redemption; `hours_since_last` is None before their first."""

    is_broadcaster: bool = False
    is_excluded: bool = False
    is_linked: bool = False
    is_subscriber: bool = False
    watched: timedelta = timedelta()
    hours_since_last: float | None = None


def rejection(who: Redeemer, settings: VipSettings, *, is_used: bool = True) -> Reason:
    """The first reason to refund a redemption, or ""."""
    waits = who.hours_since_last is not None and who.hours_since_last < settings.cooldown_hours
    checks: dict[Reason, bool] = {
        "broadcaster": who.is_broadcaster,
        "off": not is_used,
        "excluded": who.is_excluded,
        "not_linked": settings.linked_only and not who.is_linked,
        "not_subscribed": settings.subscribers_only and not who.is_subscriber,
        "watchtime": who.watched < timedelta(hours=settings.min_watch_hours),
        "cooldown": waits,
    }
    return next((reason for reason, applies in checks.items() if applies), "")


def reason_text(reason: str) -> str:
    """Why somebody does not get VIP, as viewers read it."""
    texts = {
        "off": _("this reward doesn't give VIP right now."),
        "not_subscribed": _("VIP is for subscribers here."),
        "watchtime": _("you have not watched long enough yet."),
        "not_linked": _("link your account in Discord first: /link"),
        "excluded": _("you can't redeem VIP here."),
        "cooldown": _("you redeemed VIP only recently."),
        "full": _("all VIP slots are taken right now."),
        "locked": _("this channel has no VIPs yet."),
        "already_vip": _("you are VIP already."),
        "moderator": _("moderators can't be VIP."),
        "broadcaster": _("it is your own channel."),
        "unknown": _("Twitch does not know this account."),
        "refused": _("Twitch does not allow it for this account."),
        "revoked": _("a moderator removed the VIP."),
        "withdrawn": _("the channel points were returned on Twitch."),
        "left": _("the channel was disconnected."),
        "disconnected": _("the channel was disconnected."),
    }
    return texts.get(reason, _("it didn't work."))


# -- slots ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slots:
    """VIP slots of a channel.

    Attributes:
        manual: how many VIPs we did not make.
        sessions: how many are VIP through us, or are about to be.
        full_at: how many VIPs there were when Twitch had no slot left.
    """

    manual: int
    sessions: int
    full_at: int | None = None

    def has_room(self, slots: int, reserved: int) -> bool:
        """Whether one more fits. VIPs that we did not make use the reserved slots first."""
        if self.full_at is not None and self.manual + self.sessions >= self.full_at:
            return False
        maximum = slots or self.full_at
        if maximum is None:
            return True
        return self.sessions + max(self.manual, reserved) < maximum


# -- time -----------------------------------------------------------------------------------------


def extended(ends_at: datetime, now: datetime, minutes: int) -> datetime:
    """Count from the current end, or from now if that has passed: an extension never shortens."""
    return max(ends_at, now) + timedelta(minutes=minutes)


def checked_minutes(minutes: int) -> int:
    """Raises Refusal if nobody can be VIP for so long."""
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise Refusal(
            _("VIP lasts between one minute and 366 days."), _("For example: `24h` or `7d`.")
        )
    return minutes


def parse_minutes(typed: str) -> int:
    """`90m`, `24h`, `7 days`, `1d 12h`; a number alone is hours.

    Raises:
        Refusal: it is none of these, or too short or long.
    """
    return checked_minutes(int(parse_length(typed, "h") / timedelta(minutes=1)))


def short_duration(minutes: float) -> str:
    """`7 days`, `12 h 05 min`, rounded to the minute, so that an hour that was added a moment ago
    is an hour."""
    whole = math.floor(minutes + 0.5)
    if whole < 1:
        return _("less than a minute")
    if whole % (60 * 24) == 0:
        return plural("{count} day", "{count} days", whole // (60 * 24))
    if whole >= 60 * 48:
        days, hours = divmod(whole // 60, 24)
        return (
            _("{days} days {hours} h").format(days=days, hours=hours)
            if hours
            else _("{days} days").format(days=days)
        )
    hours, minutes_left = divmod(whole, 60)
    if not hours:
        return _("{minutes} min").format(minutes=minutes_left)
    return _("{hours} h {minutes} min").format(hours=hours, minutes=f"{minutes_left:02}")


# -- texts ----------------------------------------------------------------------------------------

_FIELD = re.compile(r"\{(\w+)\}")


def filled(template: str, **values: str) -> str:
    """Replace the `{fields}` of an admin's text. Unknown ones are kept; values are not expanded."""
    return _FIELD.sub(lambda match: values.get(match[1], match[0]), template)


# -- rewards --------------------------------------------------------------------------------------

MAX_TITLE, MAX_PROMPT = 45, 200
MAX_REWARDS = 50
"""In a channel on Twitch, those of others included."""

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardForm:
    """What an admin decides about a reward.

    Attributes:
        minutes: of VIP; 0 for the server's default.
        max_per_stream: 0 for any number, like `max_per_user`, which counts in a stream.
    """

    title: str = "VIP Access"
    cost: int = 50_000
    prompt: str = ""
    colour: str = "#9147FF"
    minutes: int = 0
    max_per_stream: int = 0
    max_per_user: int = 1
    cooldown_seconds: int = 0
    is_enabled: bool = True


def check_reward(form: RewardForm, titles: Iterable[str]) -> None:
    """Raises Refusal if Twitch would reject it; `titles` are those of the other rewards."""
    title = form.title.strip()
    problems: Sequence[tuple[bool, str]] = (
        (
            not 1 <= len(title) <= MAX_TITLE,
            _("A title has 1 to {maximum} characters.").format(maximum=MAX_TITLE),
        ),
        (
            title.casefold() in {one.casefold() for one in titles},
            _("Another reward has that title."),
        ),
        (not 1 <= form.cost <= 2_000_000_000, _("A reward costs at least one channel point.")),
        (
            len(form.prompt) > MAX_PROMPT,
            _("The description has at most {maximum} characters.").format(maximum=MAX_PROMPT),
        ),
        (not _COLOUR.fullmatch(form.colour), _("A colour is written as #9147FF.")),
        (
            not 0 <= form.minutes <= MAX_MINUTES,
            _("VIP lasts between one minute and 366 days."),
        ),
        (
            not 0 <= form.cooldown_seconds <= 604_800,
            _("The cooldown is at most seven days (604,800 seconds)."),
        ),
        (min(form.max_per_stream, form.max_per_user) < 0, _("A limit is at least 0.")),
    )
    for applies, problem in problems:
        if applies:
            raise Refusal(problem)
