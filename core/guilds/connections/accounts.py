"""Accounts at other services that are connected to a server, such as the streamer's on Kick: what
all kinds do in the same way. A service declares its kinds as `AccountKind`."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

import structlog
from sqlalchemy import Connection, select

from core.guilds import store
from core.guilds.actions import audit, name_of
from core.guilds.channels import alert_admins
from core.guilds.store import Channel
from core.kit.database.personal import Subject
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.kit.errors import Refusal
from core.kit.health_item import CheckLine, HealthItem, State
from core.kit.oauth.tokens import (
    ConnectedAccount,
    ReconnectNeeded,
    ServiceAccount,
    end_grant,
    find_unchanged,
    tokens_of,
)
from core.kit.runtime.crypto import SealBroken, vault_of
from core.kit.services import Services
from core.kit.text.words import _
from core.outbox import actions as outbox

A = TypeVar("A", bound=ServiceAccount)

_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Disconnected:
    """An account that was disconnected.

    Attributes:
        is_revoked: the service has revoked its tokens.
    """

    kind: "AccountKind[Any]"
    name: str
    is_revoked: bool

    def describe(self) -> str:
        """What happened to its tokens, and the remaining steps."""
        if self.is_revoked:
            return _("Its tokens are revoked and deleted.")
        if self.kind.revoke is None:
            text = _("Its token is deleted here. To end it everywhere, reset it on {service}.")
        else:
            text = _(
                "Its tokens are deleted here, but {service} did not confirm that they are revoked. "
                "To be sure, remove the app under Settings, Connections on {service}."
            )
        return text.format(service=self.kind.service)


@dataclass(frozen=True)
class AccountKind(Generic[A]):
    """A kind of account.

    Attributes:
        service: its name; in lower case it is the platform of its channel, and begins its audit
            entries.
        record: the record class of the connected accounts.
        stops: the effects of disconnecting one, in sentences.
        lost: what does not work after the service has ended the grant, in a sentence.
        role: second part of the record's key, if a server can have several at the service.
        title: its name on the health page.
        owner_of: the required user id of the account, that of the server's channel; None if any
            account will do.
        missing: `missing(scopes)`: the permissions that were not granted, in words.
        is_needed: the service does not work without an account.
        revoke: `revoke(settings, *tokens)`: revoke them at the service; False if that failed. None
            if the service does not support it.
        held: what would remain at the service and could not be ended afterwards, in a sentence; ""
            for nothing.
        end_first: ends that, then disconnects; returns a description of it.
        before_delete: called in the transaction that deletes it. Raises Refusal to prevent that.
    """

    service: str
    record: type[A]
    stops: Callable[[], str]
    lost: Callable[[], str]
    role: str = ""
    title: str = ""
    owner_of: Callable[[A], int] | None = None
    missing: Callable[[Iterable[str]], Sequence[str]] = lambda _scopes: ()
    is_needed: bool = True
    revoke: Callable[..., bool] | None = None
    held: Callable[[Work], str] = lambda _work: ""
    end_first: Callable[[Work], str] = lambda _work: ""
    before_delete: Callable[[Work], object] = lambda _work: None

    @property
    def platform(self) -> str:
        return self.service.lower()

    @property
    def label(self) -> str:
        """Its label among the service's checks."""
        return f"{self.role or 'streamer'}'s account"

    @property
    def command(self) -> str:
        """The command that connects one."""
        option = f" {self.role}:True" if self.role not in ("", "streamer") else ""
        return f"`/connect_{self.platform}{option}`"

    def __post_init__(self) -> None:
        object.__setattr__(self, "title", self.title or f"{self.service} account")
        KINDS[self.platform, self.role] = self

    def describe_end(self, held: str) -> str:
        """What `end_first` has started."""
        text = _("{held} That is being ended on {service}. Then the account is disconnected.")
        return text.format(held=held, service=self.service)

    # -- finding ----------------------------------------------------------------------------

    def find(self, work: Work) -> A | None:
        """The server's account, whether or not it can be used."""
        return work.find(self.record, *([self.role] if self.role else []))

    def get(self, work: Work) -> A:
        """The server's account. Raises ReconnectNeeded unless it can be used."""
        return self.require_usable(self.find(work), self._channel(work))

    def list_all(self, tx: Connection) -> Sequence[A]:
        """The accounts of all servers."""
        every = select(self.record).order_by(self.record.guild_id)
        if self.role:
            every = every.filter_by(role=self.role)
        return read_records(tx, every.execution_options(**ACROSS_GUILDS))

    def _channel(self, work: Work) -> Channel | None:
        return store.find_channel(work.tx, work.guild_id, self.platform)

    # -- state ------------------------------------------------------------------------------

    def require_usable(self, account: A | None, channel: Channel | None) -> A:
        """The account, if it can be used for the channel.

        Raises:
            ReconnectNeeded: nobody is connected, the service has ended the connection, or the
                account is not the channel's.
        """
        again = _("Run {command} again.").format(command=self.command)
        if account is None:
            raise ReconnectNeeded(
                _("No {account} is connected.").format(account=self.title),
                _("Run {command}.").format(command=self.command),
            )
        if account.state == "reconnect":
            ended = _("{service} has ended the connection of {name}.")
            raise ReconnectNeeded(ended.format(service=self.service, name=account.name), again)
        owner = self.owner_of(account) if self.owner_of is not None else None
        if owner is not None and (channel is None or owner != channel.channel_id):
            other, slug = _("{name} is connected, but the channel is {channel}."), "–"
            slug = channel.slug if channel is not None else slug
            raise ReconnectNeeded(other.format(name=account.name, channel=slug), again)
        return account

    def describe(
        self, account: A | None, channel: Channel | None, now: datetime
    ) -> tuple[State, str, str]:
        """State, what was found, and what to do about it or ""."""
        try:
            account = self.require_usable(account, channel)
        except ReconnectNeeded as refusal:
            is_down = account is not None or self.is_needed
            return "down" if is_down else "warn", refusal.what, refusal.remedy
        found, missing = _("Connected as {name}."), self.missing(getattr(account, "scopes", ()))
        if isinstance(account, ConnectedAccount) and account.expires_at <= now:
            found = _("Connected as {name}, but its token could not be refreshed yet.")
        elif missing:
            found = _("Connected as {name}, without: {missing}.")
        else:
            return "ok", found.format(name=account.name), ""
        again = _("Run {command} again.").format(command=self.command)
        found = found.format(name=account.name, missing=", ".join(missing))
        return "warn", found, again if missing else ""

    def check_line(self, work: Work) -> CheckLine:
        """The account as one check of the service."""
        account = self.find(work)
        state, found, remedy = self.describe(account, self._channel(work), work.now)
        ends_at = getattr(account, "expires_at", None) if state != "down" else None
        return CheckLine(self.label, state, found, ends_at, remedy, _("token ends"))

    def check_health(self, tx: Connection, now: datetime) -> list[HealthItem]:
        """Each server's account: who is connected, which permissions are missing, what to do. A
        channel without an account is not a problem: an admin may have disconnected it."""
        accounts = {account.guild_id: account for account in self.list_all(tx)}
        channels = {channel.guild_id: channel for channel in store.list_channels(tx, self.platform)}
        known = {*accounts, *(channels if self.owner_of is not None else ())}
        items = []
        for guild_id in sorted(known):
            account = accounts.get(guild_id)
            state, found, remedy = self.describe(account, channels.get(guild_id), now)
            how: State = "ok" if account is None or state == "ok" else "warn"
            text = f"{found} {remedy}".rstrip()
            items.append(HealthItem(self.title, how, text, guild_id=guild_id))
        return items

    # -- connecting and disconnecting -------------------------------------------------------

    def keep(self, work: Work, account: A, *, notify: bool = True) -> A:
        """Store an account, in place of the one before.

        Args:
            notify: send a message to the admin who asked, unless the streamer did it.
        """
        kept = work.merge(account)
        audit(work, f"{self.platform}.connect", account.name, after=self.role or None)
        if work.streamer is not None:
            return kept
        store.set_contact(work.tx, work.guild_id, account.connected_by)
        if notify:
            key, about = self._key("guilds.connected", account), self._about(work, account)
            outbox.post_to_user(work, account.connected_by, "guilds.connected", key, about)
        return kept

    def require_reconnect(self, work: Work, before: A) -> bool:
        """The service has ended the grant: alert the admins once. False if that was known, or the
        account was connected again."""
        account = find_unchanged(work, before)
        if account is None:
            return False
        end_grant(account)
        key, about = self._key("guilds.reconnect", account), self._about(work, account)
        alert_admins(work, "guilds.reconnect", key, about)
        return True

    def _key(self, kind: str, account: A) -> str:
        """Differs each time an account is connected."""
        return f"{kind}:{self.platform}:{self.role}:{account.connected_at.isoformat()}"

    def _about(self, work: Work, account: A) -> dict[str, Any]:
        return {
            "account": account.name,
            "server": name_of(work),
            "scopes": list(getattr(account, "scopes", ())),
            "platform": self.platform,
            "role": self.role,
        }

    def delete(self, work: Work) -> A | None:
        """Delete the server's account, but not its channel; pass what is returned to
        `revoke_tokens`. Raises Refusal if `before_delete` does."""
        account = self.find(work)
        if account is None:
            return None
        self.before_delete(work)
        work.refresh(account)  # a lock forgets what was read before
        work.delete(account)
        audit(work, f"{self.platform}.disconnect", account.name)
        return account

    def revoke_tokens(self, services: Services, account: A) -> Disconnected:
        """Have the service revoke the tokens of an account that was deleted."""
        _log.info(
            "Account disconnected",
            service=self.service,
            account=account.name,
            guild_id=account.guild_id,
        )
        return Disconnected(self, account.name, self._is_revoked(services, account))

    def _is_revoked(self, services: Services, account: A) -> bool:
        if self.revoke is None:
            return False
        if account.state == "reconnect":
            return True  # there is nothing left to revoke
        vault = vault_of(services.settings)
        try:
            tokens = [vault.open(sealed) for sealed in tokens_of(account).values()]
        except SealBroken:
            return False
        return self.revoke(services.settings, *tokens)

    def disconnect(self, services: Services, guild_id: int, actor: int) -> Disconnected | None:
        """Delete the server's account and revoke its tokens; None if none is connected. No
        transaction is open while the service is called. Raises Refusal as `delete` does.
        """
        with services.work_in(guild_id, actor) as work:
            account = self.delete(work)
        return None if account is None else self.revoke_tokens(services, account)

    def require_disconnected(self, work: Work, subject: Subject) -> None:
        """Raises Refusal if this person connected the account, and so gets the alerts about it."""
        if work.exists(self.record.connected_by == subject.discord_id):
            raise Refusal(
                _("You connected this server's {account}, and get the alerts about it.").format(
                    account=self.title
                ),
                _(
                    "Run `/disconnect_{service}` first, or let another admin run "
                    "`/connect_{service}`."
                ).format(service=self.platform),
            )


KINDS: dict[tuple[str, str], AccountKind[Any]] = {}
"""Platform and role -> the kind, of all that are declared."""
