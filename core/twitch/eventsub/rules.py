"""Which subscriptions a channel should have, and what to do about those that it has. Pure."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from core.kit.runtime.settings import Settings
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.rules import reader_of, scope_words
from core.twitch.bodies import KINDS
from core.twitch.client import Subscription

Transport = Literal["webhook", "websocket"]

WEBHOOK_PATH = "/webhooks/twitch"

MAX_PER_SOCKET = 300
"""Subscriptions that Twitch allows on one WebSocket."""

SOCKET_FULL = (
    f"This account has reached Twitch's limit of {MAX_PER_SOCKET} subscriptions per WebSocket."
    " Use webhooks (TWITCH_EVENTSUB=webhook), or connect another bot account."
)

WORKING = ("enabled", "webhook_callback_verification_pending")

ENDED = {
    "authorization_revoked": "the streamer removed the app on Twitch",
    "user_removed": "the account no longer exists on Twitch",
    "moderator_removed": "the account is no longer a moderator",
    "notification_failures_exceeded": "Twitch failed to reach this server too often",
    "webhook_callback_verification_failed": "Twitch could not reach this server",
    "version_removed": "Twitch removed this event type",
}
"""Why Twitch ends a subscription."""


def transport_of(settings: Settings) -> Transport:
    """How events arrive: by webhook if Twitch can reach this server."""
    if settings.twitch_eventsub != "auto":
        return settings.twitch_eventsub
    is_public = (settings.oauth_base_url or "").startswith("https://")
    return "webhook" if is_public else "websocket"


def callback_of(settings: Settings) -> str:
    """Where Twitch's webhooks go."""
    return f"{settings.public_url}{WEBHOOK_PATH}"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A subscription that a channel should have.

    Attributes:
        reader: user id of the account whose token it needs on a WebSocket.
    """

    kind: str
    version: str
    condition: Mapping[str, str] = field(hash=False)
    reader: int

    def is_met_by(self, found: Subscription) -> bool:
        """Whether this subscription is the wanted one."""
        is_same = (found.kind, found.version) == (self.kind, self.version)
        return is_same and dict(found.condition) == dict(self.condition)


@dataclass(frozen=True, slots=True)
class ChannelPlan:
    """The subscriptions a channel should have, and kind -> reason for those it cannot have."""

    channel_id: int
    wanted: tuple[Wanted, ...]
    lacking: Mapping[str, str] = field(hash=False)


def plan_channel(
    channel_id: int,
    streamer: TwitchAccount | None,
    bot: TwitchAccount | None,
    transport: Transport,
) -> ChannelPlan:
    """Everything that the granted scopes allow."""
    by_webhook = transport == "webhook"
    reader = reader_of(streamer, bot, by_webhook=by_webhook)
    is_connected = streamer is not None and streamer.state == "connected"
    granted = streamer.scopes if streamer is not None and is_connected else []
    wanted: list[Wanted] = []
    lacking: dict[str, str] = {}
    for name, kind in KINDS.items():
        condition, user = {kind.of: str(channel_id)}, channel_id
        if kind.by_reader:
            if reader is None:
                lacking[name] = "No account has allowed the bot to read chat."
                continue
            condition["user_id"], user = str(reader.user_id), reader.user_id
        elif kind.scope and kind.scope not in granted:
            lacking[name] = f"The streamer has not allowed: {scope_words(kind.scope)}."
            continue
        if not by_webhook and user == channel_id and not is_connected:
            lacking[name] = "The streamer's account is not connected."
            continue
        wanted.append(Wanted(name, kind.version, condition, user))
    return ChannelPlan(channel_id, tuple(wanted), lacking)


def within_limits(plans: Iterable[ChannelPlan]) -> list[ChannelPlan]:
    """The plans for WebSockets, one per account: subscriptions above its limit become `lacking`.
    A channel needs about twenty, so only a bot account that reads many channels reaches it."""
    used: Counter[int] = Counter()
    limited = []
    for plan in plans:
        wanted, lacking = [], dict(plan.lacking)
        for subscription in plan.wanted:
            used[subscription.reader] += 1
            if used[subscription.reader] > MAX_PER_SOCKET:
                lacking[subscription.kind] = SOCKET_FULL
            else:
                wanted.append(subscription)
        limited.append(ChannelPlan(plan.channel_id, tuple(wanted), lacking))
    return limited


def best_accounts(
    accounts: Iterable[TwitchAccount],
) -> dict[int, tuple[TwitchAccount | None, TwitchAccount | None]]:
    """Guild id -> its streamer's and its bot's account."""
    found: dict[int, tuple[TwitchAccount | None, TwitchAccount | None]] = {}
    for account in accounts:
        streamer, bot = found.get(account.guild_id, (None, None))
        if account.role == "streamer":
            found[account.guild_id] = (account, bot)
        else:
            found[account.guild_id] = (streamer, account)
    return found


@dataclass(frozen=True, slots=True)
class Changes:
    """Subscriptions to create, to keep, and to delete."""

    missing: tuple[Wanted, ...]
    kept: Mapping[str, str] = field(hash=False)
    surplus: tuple[str, ...]


def compare(
    plan: ChannelPlan, listed: Sequence[Subscription], outdated: Collection[str] = ()
) -> Changes:
    """Compare with what Twitch has for this channel with our callback.

    Args:
        outdated: ids of subscriptions that were created with another secret.
    """
    missing, kept = [], {}
    for wanted in plan.wanted:
        usable = [
            found.id
            for found in listed
            if wanted.is_met_by(found) and found.status in WORKING and found.id not in outdated
        ]
        if usable:
            kept[wanted.kind] = min(usable)
        else:
            missing.append(wanted)
    surplus = tuple(found.id for found in listed if found.id not in kept.values())
    return Changes(tuple(missing), kept, surplus)


def channel_of(subscription: Subscription) -> int | None:
    """The channel that a subscription is about; None if it is not about a channel."""
    kind = KINDS.get(subscription.kind)
    text = subscription.condition.get(kind.of if kind else "broadcaster_user_id", "")
    return int(text) if text.isdecimal() else None


def ended_words(status: str) -> str:
    """Why Twitch revoked a subscription."""
    return f"Twitch ended it: {ENDED.get(status, status.replace('_', ' '))}."
