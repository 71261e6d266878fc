"""Scopes, what each is for, and which account reads chat."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

from core.kit.text.words import _
from core.twitch.accounts.records import Role, TwitchAccount

READ_CHAT, WRITE_CHAT = "user:read:chat", "user:write:chat"
ACT_AS_BOT, LET_BOT_IN = "user:bot", "channel:bot"

SCOPES: dict[Role, tuple[str, ...]] = {
    "streamer": (
        READ_CHAT,
        WRITE_CHAT,
        ACT_AS_BOT,
        LET_BOT_IN,
        "channel:read:subscriptions",
        "bits:read",
        "channel:moderate",
        "channel:manage:vips",
        "channel:manage:redemptions",
        "moderation:read",
    ),
    "bot": (READ_CHAT, WRITE_CHAT, ACT_AS_BOT),
}
"""All that the features need, requested at once: adding one later needs another consent."""

LINK_LASTS = timedelta(minutes=15)
"""How long a link can be opened."""

STATE_LASTS = timedelta(minutes=10)
"""How long the consent on Twitch may take."""


def scope_words(scope: str) -> str:
    """A scope as people read it."""
    words = {
        READ_CHAT: _("Read chat"),
        WRITE_CHAT: _("Send chat messages"),
        ACT_AS_BOT: _("Take part in chat as a bot"),
        LET_BOT_IN: _("Let the bot into the channel's chat"),
        "channel:read:subscriptions": _("View subscriptions and gifts"),
        "bits:read": _("View cheers"),
        "channel:moderate": _("View bans"),
        "channel:manage:vips": _("Manage VIPs"),
        "channel:manage:redemptions": _("Manage channel-point rewards"),
        "moderation:read": _("View moderators"),
    }
    return words.get(scope, scope)


def scope_reason(scope: str) -> str:
    """The reason why a scope is needed."""
    words = {
        READ_CHAT: _("for watchtime, slot requests and commands from chat"),
        WRITE_CHAT: _("to answer in chat"),
        ACT_AS_BOT: _("to read chat by webhook"),
        LET_BOT_IN: _("so that a bot account may read and write there"),
        "channel:read:subscriptions": _("so that subscriptions and gifts earn something"),
        "bits:read": _("so that cheers earn points"),
        "channel:moderate": _("so that a ban on Twitch takes the viewer out of the raffle"),
        "channel:manage:vips": _("to make viewers VIP and to end it"),
        "channel:manage:redemptions": _("so that channel points can buy VIP"),
        "moderation:read": _("to notice VIPs who become moderators"),
    }
    return words.get(scope, "")


def without_scope(scope: str) -> str:
    """The functions that do not work while a scope is missing."""
    words = {
        READ_CHAT: _("no watchtime, no slot requests and no commands from Twitch's chat"),
        WRITE_CHAT: _("the bot cannot answer in Twitch's chat"),
        ACT_AS_BOT: _("chat cannot be read by webhook"),
        LET_BOT_IN: _("a bot account is not let into the chat"),
        "channel:read:subscriptions": _("subscriptions and gifts on Twitch earn nothing"),
        "bits:read": _("cheers earn nothing"),
        "channel:moderate": _("a ban on Twitch does not take the viewer out of the raffle"),
        "channel:manage:vips": _("nobody can be made VIP"),
        "channel:manage:redemptions": _("channel points cannot buy VIP"),
        "moderation:read": _("a VIP who becomes a moderator is noticed late"),
    }
    return words.get(scope, _("nothing stops working"))


def missing_scopes(role: Role, granted: Iterable[str]) -> list[str]:
    """The scopes that were not granted."""
    held = set(granted)
    return [scope for scope in SCOPES[role] if scope not in held]


def missing_words(role: Role, granted: Iterable[str]) -> list[str]:
    """The missing scopes, each with the functions that do not work without it."""
    return [
        f"{scope_words(scope)} ({without_scope(scope)})" for scope in missing_scopes(role, granted)
    ]


@dataclass(frozen=True, slots=True)
class Reader:
    """The account that reads a channel's chat."""

    user_id: int
    role: Role


def reader_of(
    streamer: TwitchAccount | None, bot: TwitchAccount | None, *, by_webhook: bool
) -> Reader | None:
    """Who reads the chat: the streamer, whose own chat it is, else the bot; None if neither allowed
    it. By webhook both the reading account and the channel have to let a bot take part."""
    needed = {READ_CHAT, ACT_AS_BOT} if by_webhook else {READ_CHAT}
    for account in (streamer, bot):
        if account is None or account.state != "connected" or not needed <= set(account.scopes):
            continue
        if by_webhook and (streamer is None or LET_BOT_IN not in streamer.scopes):
            continue
        return Reader(account.twitch_user_id, account.role)
    return None
