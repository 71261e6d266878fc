"""What one can do with a server's Twitch accounts, inside a transaction."""

from typing import Any

from core.guilds import store as guilds
from core.guilds.actions import audit, name_of
from core.guilds.channels import tell_admins
from core.guilds.store import Channel
from core.kit.database.records import THE_BOT
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.oauth.tokens import end_grant, find_unchanged
from core.kit.text.words import _
from core.outbox import actions as outbox
from core.twitch.accounts import leaving
from core.twitch.accounts.records import Role, TwitchAccount, TwitchConnectAttempt
from core.twitch.accounts.rules import require_account
from core.twitch.bodies import PLATFORM


def find_channel(work: Work) -> Channel | None:
    """The channel that streams for this server on Twitch."""
    return guilds.find_channel(work.tx, work.guild_id, PLATFORM)


def get_channel(work: Work) -> Channel:
    """The same. Raises Refusal if there is none."""
    channel = find_channel(work)
    if channel is None:
        raise Refusal(
            _("No Twitch channel is connected with this server yet."), _("Run `/connect_twitch`.")
        )
    return channel


def find_account(work: Work, role: Role = "streamer") -> TwitchAccount | None:
    """The account with this role."""
    return work.find(TwitchAccount, role)


def get_account(work: Work, role: Role) -> TwitchAccount:
    """The account with this role. Raises ReconnectNeeded unless it can be used."""
    return require_account(find_account(work, role), find_channel(work))


def open_attempt(work: Work, attempt: TwitchConnectAttempt) -> None:
    """An admin asks for a link. Raises Refusal if a bot comes before the channel."""
    if attempt.role == "bot":
        get_channel(work)
    work.add(attempt)


def connect_account(work: Work, account: TwitchAccount) -> None:
    """Its owner agreed. The account replaces the one before; a streamer's is the server's channel
    from now on.

    Raises:
        Refusal: the streamer's own account was given as the bot's, or something of ours would stay
            in the channel before.
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
        # The admin who is told stays the same: no member of the server is known to be the streamer.
        known = find_account(work, account.role)
        account.connected_by = known.connected_by if known is not None else THE_BOT
    work.merge(account)
    audit(work, "twitch.connect", account.name, after=account.role)
    if work.streamer is not None:
        return
    guilds.set_contact(work.tx, work.guild_id, account.connected_by)
    outbox.post_to_user(
        work,
        account.connected_by,
        "twitch.connected",
        f"twitch.connected:{_once(account)}",
        _about(work, account),
    )


def require_reconnect(work: Work, before: TwitchAccount) -> bool:
    """Twitch has ended the grant: alert the admins once. False if that was known, or another
    account is connected by now."""
    account = find_unchanged(work, before)
    if account is None:
        return False
    end_grant(account)
    key = f"twitch.reconnect:{_once(account)}"
    tell_admins(work, "twitch.reconnect", key, _about(work, account))
    return True


def disconnect_account(work: Work, role: Role) -> TwitchAccount | None:
    """Forget the account; what is returned is for telling Twitch. The channel stays."""
    account = find_account(work, role)
    if account is None:
        return None
    if role == "streamer":
        leaving.keep(work)
        work.refresh(account)  # a lock forgets what was read before
    work.delete(account)
    audit(work, "twitch.disconnect", account.name)
    return account


def _once(account: TwitchAccount) -> str:
    """Another one each time that an account is connected."""
    return f"{account.role}:{account.twitch_user_id}:{account.connected_at.isoformat()}"


def _about(work: Work, account: TwitchAccount) -> dict[str, Any]:
    return {
        "account": account.name,
        "server": name_of(work),
        "scopes": list(account.scopes),
        "role": account.role,
    }
