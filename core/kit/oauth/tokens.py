"""Connected accounts and their tokens: refreshed before they expire, by one process at a time.

An advisory lock lets one thread of all processes refresh an account's tokens. It is held outside of
any transaction, because the site is called while it is held; the account is read again under it. A
new pair is stored before anybody uses it.
"""

import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, ClassVar, Generic, Literal, TypeVar

import structlog
from sqlalchemy import ARRAY, Connection, Text, inspect
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import SECRET, holds
from core.kit.database.records import GuildId, GuildRecord, MemberId
from core.kit.database.work import Work
from core.kit.errors import Outage, Refusal
from core.kit.oauth.flow import Denied, SignInRefused
from core.kit.runtime.crypto import SealBroken, vault_of
from core.kit.services import Services
from core.kit.text.words import _

REFRESH_BEFORE = timedelta(minutes=10)
"""Time before expiry at which a token is refreshed. User tokens live two hours on Kick, four on
Twitch.
"""

REFRESH_TIMEOUT_SECONDS = 15.0
"""Maximum wait for a refresh by another thread or process: longer than a site may take to respond.
"""

AccountState = Literal["connected", "reconnect"]

CONNECTION = "the channel's connection; whoever made it disconnects first"
_TOKEN = "encrypted; empty in the state reconnect"

_log = structlog.get_logger(__name__)


class GrantEnded(SignInRefused):
    """The site rejected this code or refresh token; the account must be connected again."""


class ReconnectNeeded(Refusal):
    """There is no usable account; it must be connected (again)."""


@dataclass(frozen=True, slots=True)
class Tokens:
    """Tokens granted by a site. `expires_at` is that of the access token."""

    access: str = field(repr=False)
    refresh: str = field(repr=False)
    expires_at: datetime
    scopes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Connected:
    """The names of a server, of its connected account, and of the permissions that were not
    granted.
    """

    server: str
    account: str
    missing: Sequence[str]


def check_answer(error: str) -> None:
    """Check the `error` of a callback, which is "" on success.

    Raises:
        Denied: the owner of the account declined.
        GrantEnded: any other error.
    """
    if error == "access_denied":
        raise Denied
    if error:
        _log.info("OAuth callback failed", error=error[:40])
        raise GrantEnded(error[:40])


def read_tokens(
    service: str, answer: Any, now: datetime, *, scopes: tuple[str, ...], refresh: str
) -> Tokens:
    """Parse the response of a token endpoint.

    Args:
        scopes: the granted scopes, if the response has no `scope` (a list, or space-separated
            text).
        refresh: the refresh token that stays valid if the response has none.

    Raises:
        Outage: the response is not as documented.
    """
    try:
        lifetime = timedelta(seconds=float(answer["expires_in"]))  # a text in Kick's own docs
        granted = answer.get("scope")
        if isinstance(granted, str):
            granted = granted.split()
        return Tokens(
            str(answer["access_token"]),
            str(answer.get("refresh_token") or refresh),
            now + lifetime,
            tuple(str(scope) for scope in granted) if granted else scopes,
        )
    except (LookupError, TypeError, ValueError, AttributeError, OverflowError):
        # Without the cause, which might contain a token.
        raise Outage(service, f"the answer was not what {service} documents") from None


class ServiceAccount(GuildRecord, kw_only=True):
    """Base of a table of accounts at a service that are connected to a server. Its columns with
    `info=SECRET` are the tokens, encrypted, and empty in the state `reconnect`."""

    __abstract__ = True

    guild_id: Mapped[GuildId] = mapped_column(sort_order=-1)
    name: Mapped[str] = mapped_column(sort_order=-1, info=holds("name", stays=CONNECTION))
    state: Mapped[AccountState] = mapped_column(
        Text, sort_order=-1, comment="connected, or reconnect: the service ended the grant"
    )
    connected_by: Mapped[MemberId] = mapped_column(
        sort_order=-1, info=holds("number", stays=CONNECTION), comment="Discord id of the admin"
    )
    connected_at: Mapped[datetime] = mapped_column(sort_order=-1)


class ConnectedAccount(ServiceAccount, kw_only=True):
    """An account connected with OAuth."""

    __abstract__ = True

    scopes: Mapped[list[str]] = mapped_column(ARRAY(Text), comment="as granted")
    access_token: Mapped[str] = mapped_column(repr=False, info=SECRET, comment=_TOKEN)
    refresh_token: Mapped[str] = mapped_column(repr=False, info=SECRET, comment=_TOKEN)
    expires_at: Mapped[datetime] = mapped_column(comment="of the access token")
    refreshed_at: Mapped[datetime]


def granted_columns(services: Services, tokens: Tokens) -> dict[str, Any]:
    """Column values for an account newly connected with these tokens."""
    vault, now = vault_of(services.settings), services.clock()
    return {
        "scopes": list(tokens.scopes),
        "state": "connected",
        "access_token": vault.seal(tokens.access),
        "refresh_token": vault.seal(tokens.refresh),
        "expires_at": tokens.expires_at,
        "connected_at": now,
        "refreshed_at": now,
    }


S = TypeVar("S", bound=ServiceAccount)
A = TypeVar("A", bound=ConnectedAccount)

Wanted = Callable[[A, datetime], bool]
"""Whether this account's tokens still need a refresh."""


def is_due(expires_at: datetime, now: datetime) -> bool:
    """Whether the token should be refreshed."""
    return now >= expires_at - REFRESH_BEFORE


def tokens_of(account: ServiceAccount) -> dict[str, str]:
    """Column -> encrypted token."""
    columns = inspect(type(account)).columns
    return {column.key: getattr(account, column.key) for column in columns if column.info == SECRET}


def find_unchanged(work: Work, before: S) -> S | None:
    """The account, locked, if it has not been refreshed, ended or replaced since it was read."""
    key = inspect(before).identity
    account = work.get(type(before), key, with_for_update=True, populate_existing=True)
    if account is None or account.state != "connected":
        return None
    return account if tokens_of(account) == tokens_of(before) else None


def end_grant(account: ServiceAccount) -> None:
    """Mark that the site ended the grant, and delete the tokens."""
    account.state = "reconnect"
    for column in tokens_of(account):
        setattr(account, column, "")


class TokenKeeper(ABC, Generic[A]):
    """The tokens of one kind of account. A subclass adds what differs between sites; `key` is the
    argument of its `find`.
    """

    service: ClassVar[str]
    connect_command: ClassVar[str]

    # -- what differs between sites ---------------------------------------------------------

    @abstractmethod
    def find(self, services: Services, *key: object) -> A:
        """Raises ReconnectNeeded unless the account can be used."""

    @abstractmethod
    def key_of(self, account: A) -> tuple[object, ...]:
        """The argument for `find` to find this account."""

    @abstractmethod
    def refresh(self, services: Services, account: A, refresh_token: str) -> Tokens:
        """A new pair. Raises GrantEnded, Refusal, Outage."""

    @abstractmethod
    def revoke(self, services: Services, tokens: Tokens) -> object:
        """Revoke a pair that is not stored."""

    @abstractmethod
    def require_reconnect(self, work: Work, before: A) -> bool:
        """Mark the account and alert the admins; False if that was done before."""

    @abstractmethod
    def list_accounts(self, tx: Connection) -> Sequence[A]:
        """Every account, across guilds."""

    # -- what is the same everywhere --------------------------------------------------------

    def user_token(self, services: Services, *key: object) -> str:
        """The account's access token.

        Raises:
            ReconnectNeeded: there is no such account, or the site has ended the grant.
            Refusal: our encryption keys are missing, or the site rejected our app.
            Outage: the token has expired, and the site is down.
        """
        account = self.find(services, *key)
        if is_due(account.expires_at, services.clock()):
            still_good = services.clock() < account.expires_at
            try:
                timeout = 0 if still_good else REFRESH_TIMEOUT_SECONDS
                account = self._refresh_once(services, account, _is_due, timeout)
            except Outage:
                if not still_good:
                    raise
        return self._open(services, account, account.access_token)

    def refresh_after_401(self, services: Services, *key_and_token: object) -> str:
        """A token other than the last argument, which the site has just rejected. Raises as
        `user_token` does."""
        *key, rejected_token = key_and_token

        def is_rejected(held: A, _now: datetime) -> bool:
            return self._open(services, held, held.access_token) == rejected_token

        account = self.find(services, *key)
        if is_rejected(account, services.clock()):
            timeout = REFRESH_TIMEOUT_SECONDS
            account = self._refresh_once(services, account, is_rejected, timeout)
        return self._open(services, account, account.access_token)

    def refresh_due(self, services: Services) -> None:
        """Refresh the tokens of all accounts that are about to expire.

        Raises:
            Outage: the site was down for one or more of them; the others are refreshed.
            Refusal: our encryption keys are missing, or the site rejected our app.
        """
        with services.database.begin() as tx:
            accounts = self.list_accounts(tx)
        failure: Outage | Refusal | None = None
        for account in accounts:
            if account.state == "connected" and is_due(account.expires_at, services.clock()):
                try:
                    self.user_token(services, *self.key_of(account))
                except ReconnectNeeded:
                    continue  # the health page shows it
                except (Outage, Refusal) as error:
                    failure = error
        if failure is not None:
            raise failure

    def end(self, services: Services, account: A, reason: str) -> None:
        """The site has ended the grant of this account."""
        with services.work_in(account.guild_id) as work:
            has_ended = self.require_reconnect(work, account)
        if has_ended:
            _log.warning(
                "Connection ended; the account must be connected again",
                service=self.service,
                reason=reason,
                guild_id=account.guild_id,
            )

    def _open(self, services: Services, account: A, sealed: str) -> str:
        """Decrypt. The tokens stay when the key is missing, because it may be put back."""
        try:
            return vault_of(services.settings).open(sealed)
        except SealBroken:
            raise Refusal(
                _("The tokens of {name} were encrypted with a key that is missing.").format(
                    name=account.name
                ),
                _("Put it back into TOKEN_ENCRYPTION_KEYS, or run `/{command}` again.").format(
                    command=self.connect_command
                ),
            ) from None

    def _refresh_once(
        self, services: Services, account: A, wanted: "Wanted[A]", timeout: float
    ) -> A:
        """Refresh the tokens, or take the result of another thread or process that just did.

        Args:
            wanted: checked again under the lock.
            timeout: seconds to wait for the lock.
        """
        deadline = time.monotonic() + timeout
        key = self.key_of(account)
        lock = ":".join((f"{self.service.lower()}.token", *map(str, key)))
        while True:
            with services.database.only_one(lock) as ours:
                account = self.find(services, *key)
                if not wanted(account, services.clock()):
                    return account
                if ours:
                    return self._refresh_now(services, account)
            if time.monotonic() > deadline:
                raise Outage(self.service, "another refresh of the token takes too long")
            time.sleep(0.1)

    def _refresh_now(self, services: Services, account: A) -> A:
        refresh_token = self._open(services, account, account.refresh_token)
        try:
            tokens = self.refresh(services, account, refresh_token)
        except GrantEnded as ended:
            self.end(services, account, str(ended))
            # Raises, unless it was connected again in the meantime.
            return self.find(services, *self.key_of(account))
        if not self._keep(services, account, tokens):
            # Disconnected or reconnected while the site was called.
            self.revoke(services, tokens)
        return self.find(services, *self.key_of(account))

    def _keep(self, services: Services, account: A, tokens: Tokens) -> bool:
        """Store a new pair; False if the account has changed in the meantime."""
        vault = vault_of(services.settings)
        with services.work_in(account.guild_id) as work:
            current = find_unchanged(work, account)
            if current is not None:
                current.access_token = vault.seal(tokens.access)
                current.refresh_token = vault.seal(tokens.refresh)
                current.expires_at, current.refreshed_at = tokens.expires_at, work.now
            return current is not None


def _is_due(account: ConnectedAccount, now: datetime) -> bool:
    return is_due(account.expires_at, now)
