"""Changes of a server's Twitch channel and accounts, inside a transaction."""

from functools import partial

from core.guilds import store as guilds
from core.guilds.actions import audit
from core.guilds.connections.accounts import AccountKind
from core.guilds.store import Channel
from core.kit.database.records import THE_BOT
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.twitch.accounts import leaving, oauth
from core.twitch.accounts.records import Role, TwitchAccount, TwitchConnectAttempt
from core.twitch.accounts.rules import missing_words
from core.twitch.bodies import PLATFORM
from core.twitch.client import client_of

ACCOUNTS: dict[Role, AccountKind[TwitchAccount]] = {
    "streamer": AccountKind(
        "Twitch",
        TwitchAccount,
        stops=lambda: _(
            "Nothing from Twitch arrives after that. Watchtime, tickets and settings stay."
        ),
        lost=lambda: _(
            "Chat, subscriptions and gifts from Twitch do not arrive until it is connected again."
        ),
        role="streamer",
        owner_of=lambda account: account.twitch_user_id,
        missing=partial(missing_words, "streamer"),
        revoke=lambda settings, access, _refresh: oauth.revoke(client_of(settings), access),
        held=leaving.describe,
        end_first=leaving.end_first,
        before_delete=leaving.keep,
    ),
    "bot": AccountKind(
        "Twitch",
        TwitchAccount,
        stops=lambda: _("The bot then writes in Twitch's chat as the streamer."),
        lost=lambda: _("The bot writes in Twitch's chat as the streamer until then."),
        role="bot",
        title="Twitch bot account",
        is_needed=False,
        missing=partial(missing_words, "bot"),
        revoke=lambda settings, access, _refresh: oauth.revoke(client_of(settings), access),
    ),
}


def find_channel(work: Work) -> Channel | None:
    """The channel that streams for this server on Twitch."""
    return guilds.find_channel(work.tx, work.guild_id, PLATFORM)


def get_channel(work: Work) -> Channel:
    """Like `find_channel`, but raises Refusal if no channel is connected."""
    channel = find_channel(work)
    if channel is None:
        raise Refusal(
            _("No Twitch channel is connected to this server yet."), _("Run `/connect_twitch`.")
        )
    return channel


def find_account(work: Work, role: Role = "streamer") -> TwitchAccount | None:
    """The account with this role."""
    return work.find(TwitchAccount, role)


def get_account(work: Work, role: Role) -> TwitchAccount:
    """The account with this role. Raises ReconnectNeeded unless it can be used."""
    return ACCOUNTS[role].get(work)


def open_attempt(work: Work, attempt: TwitchConnectAttempt) -> None:
    """Store a request for a link. Raises Refusal for a bot's account while no channel is
    connected."""
    if attempt.role == "bot":
        get_channel(work)
    work.add(attempt)


def connect_account(work: Work, account: TwitchAccount) -> None:
    """Store the account, in place of the one before; a streamer's becomes the server's channel.

    Raises:
        Refusal: the streamer's own account was given as the bot's, or something of ours would stay
            on the previous channel.
    """
    if account.role == "streamer":
        channel = Channel(work.guild_id, PLATFORM, account.twitch_user_id, account.login)
        before = find_channel(work)
        if before is not None and before.channel_id != channel.channel_id:
            leaving.require_nothing(work, account.name)
        if guilds.set_channel(work.tx, channel):
            was = before.slug if before else None
            audit(work, "twitch.channel", channel.slug, before=was, after=channel.slug)
    elif account.twitch_user_id == get_channel(work).channel_id:
        raise Refusal(
            _("{name} is the channel's own account.").format(name=account.name),
            _("Sign in to Twitch as the bot's account and open the link again."),
        )
    if work.streamer is not None:
        # Alerts still go to the same admin: no member is known to be the streamer.
        known = find_account(work, account.role)
        account.connected_by = known.connected_by if known is not None else THE_BOT
    ACCOUNTS[account.role].keep(work, account)
