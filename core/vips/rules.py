"""Settings, who may redeem, durations, and texts. Pure."""

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
"""Maximum of each per `WINDOW`. Twitch allows ten."""
WINDOW = timedelta(seconds=10)

LIST_LAG = timedelta(seconds=5)
"""How long Twitch's list of VIPs may lag behind a change."""

OWN_REMOVAL = timedelta(seconds=10)
"""A removal reported this soon after we granted VIP may be about an earlier VIP."""

CALL_TAKES_EFFECT_WITHIN = timedelta(seconds=12)
"""How long after its start a call to Twitch may take effect."""

SWEEP = "redemptions:"
"""Prefix of the list of a reward's open redemptions; the reward's number follows."""

SWEEP_INTERVAL = timedelta(minutes=3)
LIST_INTERVAL = timedelta(minutes=10)
RETRY_LIST_AFTER = timedelta(seconds=15)
"""Delay after a failed list request."""

RETRY_FULL_AFTER = timedelta(minutes=30)
"""Delay after no slot was free: slots may have been added, which no API reports."""

MAX_HIDDEN_REJECTIONS = 3
"""Rejections in a row before one is shown: Twitch sometimes rejects by mistake."""
MAX_HIDDEN_OUTAGES = 8
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
"""Why a viewer does not get VIP."""

SubscriptionRule = Literal["off", "fixed", "while_subscribed"]

GRANTED, EXTENDED, REFUNDED, ENDED, WARNING = (
    "@{viewer} is now a VIP for {duration}!",
    "@{viewer} VIP extended: {left} left.",
    "@{viewer} Your channel points were refunded: {reason}",
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
        "How long VIP lasts, unless a reward or command sets another duration.",
        "Default duration",
        default=12,
    )
    auto_remove: bool = switch(
        "Remove expired VIPs on Twitch.",
        default=True,
        label="Remove expired VIPs",
    )
    notifications: bool = switch(
        "Announce granted and extended VIPs and refunds in chat.",
        default=True,
        label="Chat announcements",
    )
    log_channel: int = channel(
        "The Discord channel where all VIP changes are posted.", label="Log channel"
    )
    warn_percent: int = number(
        "Warn viewers by direct message (or in chat if their DMs are closed) after this percentage "
        "of the time; 0: never.",
        default=0,
        minimum=0,
        maximum=99,
        label="Warn after",
        unit="%",
    )
    slots: int = number(
        "The channel's VIP slots on Twitch. 0 if you don't know: the bot notices when they are "
        "full.",
        default=0,
        minimum=0,
        maximum=1000,
        label="VIP slots",
    )
    reserved: int = number(
        "Slots kept for VIPs that you add yourself on Twitch.",
        default=0,
        minimum=0,
        maximum=1000,
        label="Reserved slots",
    )
    subscribers_only: bool = switch(
        "Only subscribers can redeem VIP.", default=False, label="Subscribers only"
    )
    linked_only: bool = switch(
        "Only viewers who linked their account can redeem VIP.",
        default=False,
        label="Linked viewers only",
    )
    min_watch_hours: int = _hours(
        "Hours of watchtime needed to redeem VIP.",
        "Minimum watchtime",
        default=0,
        minimum=0,
        maximum=10_000,
    )
    cooldown_hours: int = _hours(
        "Hours that a viewer must wait between two VIP redemptions.",
        "Cooldown",
        default=0,
        minimum=0,
    )
    subscription: str = choice(
        "Give VIP for a Twitch subscription: for a fixed time, or as long as they subscribe.",
        SubscriptionRule,
        default="off",
        label="VIP for subscriptions",
    )
    subscription_hours: int = _hours(
        "VIP hours for a subscription, if the time is fixed.", "Hours for a subscription"
    )
    gifted_subs: bool = switch(
        "Gifted subs give VIP as well.", default=True, label="Count gifted subs"
    )
    bits: int = number(
        "Bits in one cheer that give VIP; 0: never.",
        default=0,
        minimum=0,
        maximum=1_000_000,
        label="VIP for bits",
        unit="bits",
    )
    bits_hours: int = _hours("VIP hours for such a cheer.", "Hours for bits")
    raffle_hours: int = _hours(
        "VIP hours for the winner of a raffle; 0: none.",
        "VIP for raffle winners",
        default=0,
        minimum=0,
    )
    watch_hours: int = _hours(
        "Hours of watchtime that give VIP, once per viewer; 0: never.",
        "VIP for watchtime",
        default=0,
        minimum=0,
        maximum=100_000,
    )
    watch_vip_hours: int = _hours("VIP hours for that watchtime.", "Hours for watchtime")
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
    """Why a viewer does not get VIP, in words for viewers."""
    texts = {
        "off": _("this reward doesn't give VIP right now."),
        "not_subscribed": _("VIP is for subscribers here."),
        "watchtime": _("you have not watched long enough yet."),
        "not_linked": _("link your account in Discord first: /link"),
        "excluded": _("you can't redeem VIP here."),
        "cooldown": _("you redeemed VIP too recently."),
        "full": _("all VIP slots are taken right now."),
        "locked": _("this channel has no VIPs yet."),
        "already_vip": _("you're already a VIP."),
        "moderator": _("moderators can't be VIPs."),
        "broadcaster": _("it is your own channel."),
        "unknown": _("Twitch does not know this account."),
        "refused": _("Twitch does not allow it for this account."),
        "revoked": _("a moderator removed the VIP."),
        "withdrawn": _("the channel points were refunded on Twitch."),
        "left": _("the channel was disconnected."),
        "disconnected": _("the channel was disconnected."),
    }
    return texts.get(reason, _("it didn't work."))


# -- slots ----------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Slots:
    """VIP slots of a channel.

    Attributes:
        manual: VIPs that were added by hand.
        sessions: VIPs of the bot, including pending ones.
        full_at: number of VIPs when Twitch had no slot left.
    """

    manual: int
    sessions: int
    full_at: int | None = None

    def has_room(self, slots: int, reserved: int) -> bool:
        """Whether a slot is free. VIPs added by hand use the reserved slots first."""
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
    """Raises Refusal if the duration is not allowed."""
    if not MIN_MINUTES <= minutes <= MAX_MINUTES:
        raise Refusal(
            _("VIP can last from 1 minute to 366 days."), _("For example: `24h` or `7d`.")
        )
    return minutes


def parse_minutes(typed: str) -> int:
    """`90m`, `24h`, `7 days`, `1d 12h`; a number alone is hours.

    Raises:
        Refusal: the text is invalid, or the duration too short or long.
    """
    return checked_minutes(int(parse_length(typed, "h") / timedelta(minutes=1)))


def short_duration(minutes: float) -> str:
    """`7 days`, `12 h 05 min`, rounded to the minute, so that an hour added a second ago shows as
    an hour."""
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

MAX_TITLE_CHARACTERS, MAX_PROMPT_CHARACTERS = 45, 200
MAX_REWARDS = 50
"""Per channel on Twitch, including rewards of other apps."""

_COLOUR = re.compile(r"#[0-9A-Fa-f]{6}")


@dataclass(frozen=True, slots=True, kw_only=True)
class RewardForm:
    """The editable fields of a reward.

    Attributes:
        minutes: minutes of VIP; 0 for the server's default.
        max_per_stream: 0 for no limit; likewise `max_per_user`, which is per stream.
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
            not 1 <= len(title) <= MAX_TITLE_CHARACTERS,
            _("The title must have 1 to {maximum} characters.").format(
                maximum=MAX_TITLE_CHARACTERS
            ),
        ),
        (
            title.casefold() in {other.casefold() for other in titles},
            _("Another reward has that title."),
        ),
        (not 1 <= form.cost <= 2_000_000_000, _("Enter a cost of at least 1 channel point.")),
        (
            len(form.prompt) > MAX_PROMPT_CHARACTERS,
            _("The description can have at most {maximum} characters.").format(
                maximum=MAX_PROMPT_CHARACTERS
            ),
        ),
        (not _COLOUR.fullmatch(form.colour), _("Enter the colour like this: #9147FF.")),
        (
            not 0 <= form.minutes <= MAX_MINUTES,
            _("VIP can last from 1 minute to 366 days."),
        ),
        (
            not 0 <= form.cooldown_seconds <= 604_800,
            _("The cooldown can be at most 7 days (604,800 seconds)."),
        ),
        (min(form.max_per_stream, form.max_per_user) < 0, _("A limit can't be negative.")),
    )
    for applies, problem in problems:
        if applies:
            raise Refusal(problem)
