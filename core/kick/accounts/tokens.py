"""The streamer's token, for whoever needs it: renewed ahead of its end, by one at a time.

An advisory lock lets one thread of all processes renew an account's tokens. It is held outside of
any transaction, because Kick is asked meanwhile, and what the database says is read again under it.
A new pair is written before anybody uses it.
"""

import time
from collections.abc import Callable
from datetime import datetime

import structlog

from core.kick.accounts import actions, oauth, store
from core.kick.accounts.records import Account
from core.kick.accounts.rules import ReconnectNeeded, is_due, require_streamer
from core.kick.client import client_of
from core.kit.crypto import SealBroken, vault_of
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.words import _

PATIENCE_SECONDS = 15.0
"""How long to wait for another one's renewal: longer than Kick may take to answer."""

_log = structlog.get_logger(__name__)

Wanted = Callable[[Account, datetime], bool]
"""Whether this account still needs to be renewed."""


def user_token(services: Services, guild_id: int) -> str:
    """The access token of the streamer who is connected with this server.

    Raises:
        ReconnectNeeded: nobody is connected, somebody else than the channel's streamer is, or
            Kick has ended the grant.
        Refusal: our own keys or app do not fit any more.
        Outage: it has ended, and Kick does not answer.
    """
    account = _find(services, guild_id)
    if is_due(account.expires_at, services.clock()):
        still_good = services.clock() < account.expires_at
        try:
            account = _renewed(services, account, _is_due, 0 if still_good else PATIENCE_SECONDS)
        except Outage:
            if not still_good:
                raise
    return _open(services, account, account.access_token)


def refresh_after_401(services: Services, guild_id: int, rejected_token: str) -> str:
    """Another token than the one that Kick has just rejected. Raises as `user_token` does."""

    def is_rejected(held: Account, _now: datetime) -> bool:
        return _open(services, held, held.access_token) == rejected_token

    account = _find(services, guild_id)
    if is_rejected(account, services.clock()):
        account = _renewed(services, account, is_rejected, PATIENCE_SECONDS)
    return _open(services, account, account.access_token)


def _is_due(account: Account, now: datetime) -> bool:
    return is_due(account.expires_at, now)


def _find(services: Services, guild_id: int) -> Account:
    """Raises ReconnectNeeded unless the streamer of the server's channel is connected."""
    with services.work_in(guild_id) as work:
        account, channel = work.find(Account), actions.get_channel(work)
    return require_streamer(account, channel)


def _open(services: Services, account: Account, sealed: str) -> str:
    """A lost key is no reason to forget the tokens: it may be found again."""
    try:
        return vault_of(services.settings).open(sealed)
    except SealBroken:
        raise Refusal(
            _("The tokens of {name} were sealed with a key that is missing.").format(
                name=account.name
            ),
            _("Put it back into TOKEN_ENCRYPTION_KEYS, or run `/connect_kick` again."),
        ) from None


def _renewed(services: Services, account: Account, wanted: Wanted, patience: float) -> Account:
    """Renew it, or take what somebody else has just renewed it to.

    Args:
        wanted: asked again once nobody else is at it.
        patience: seconds to wait for somebody else.
    """
    deadline = time.monotonic() + patience
    while True:
        with services.database.only_one(f"kick.token:{account.guild_id}") as ours:
            account = _find(services, account.guild_id)
            if not wanted(account, services.clock()):
                return account
            if ours:
                return _renew_now(services, account)
        if time.monotonic() > deadline:
            raise Outage("Kick", "another renewal of the token takes too long")
        time.sleep(0.1)


def _renew_now(services: Services, account: Account) -> Account:
    client = client_of(services.settings)
    refresh_token = _open(services, account, account.refresh_token)
    try:
        scopes = tuple(account.scopes)
        tokens = oauth.refresh(client, refresh_token, scopes, services.clock())
    except oauth.GrantEnded as ended:
        _end_grant(services, account, str(ended))
        # Raises, unless it was connected again in the meantime.
        return _find(services, account.guild_id)
    if not _keep(services, account, tokens):
        # Disconnected or connected again while Kick was asked: nobody needs this pair.
        oauth.revoke(client, tokens.access, tokens.refresh)
    return _find(services, account.guild_id)


def _keep(services: Services, account: Account, tokens: oauth.Tokens) -> bool:
    """Store a new pair; False when the account has changed in the meantime."""
    vault = vault_of(services.settings)
    with services.work_in(account.guild_id) as work:
        current = actions.find_unchanged(work, account)
        if current is not None:
            current.access_token = vault.seal(tokens.access)
            current.refresh_token = vault.seal(tokens.refresh)
            current.expires_at, current.refreshed_at = tokens.expires_at, work.now
        return current is not None


def _end_grant(services: Services, account: Account, reason: str) -> None:
    with services.work_in(account.guild_id) as work:
        has_ended = actions.require_reconnect(work, account)
    if has_ended:
        _log.warning(
            "Kick has ended a connection; the streamer has to connect again",
            reason=reason,
            guild_id=account.guild_id,
        )


def renew_due(services: Services) -> None:
    """Renew every account's token that is about to end.

    Raises:
        Outage: Kick did not answer for one or more of them; the others are renewed.
        Refusal: our own keys or app do not fit any more.
    """
    with services.database.begin() as tx:
        accounts = store.list_accounts(tx)
    trouble: Outage | Refusal | None = None
    for account in accounts:
        if account.state == "connected" and is_due(account.expires_at, services.clock()):
            try:
                user_token(services, account.guild_id)
            except ReconnectNeeded:
                continue  # the health page shows it
            except (Outage, Refusal) as error:
                trouble = error
    if trouble is not None:
        raise trouble
