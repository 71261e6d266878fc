"""OAuth with PKCE: one row for each personal link, updated by each step.

A link can be opened, and followed to the provider, until the person returns: a viewer who presses
Back on the consent page can still use it. Each time a new state and verifier replace the previous
ones, so only the latest state works, and only once. Background:
https://datatracker.ietf.org/doc/html/rfc9700.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Generic, TypeVar

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import SECRET
from core.kit.database.records import GuildRecord
from core.kit.database.work import ACROSS_GUILDS, Work, read_records
from core.kit.oauth.signed_links import PersonalLink, SignedLinks
from core.kit.runtime.crypto import SealBroken, hash_of, vault_of
from core.kit.runtime.settings import Settings
from core.kit.services import Services

KEEP_ATTEMPTS = timedelta(days=1)
"""Kept so that a used link is recognized as used."""


class LinkUsed(Exception):
    """The link was used, or declined."""


class LinkForgotten(Exception):
    """The link's attempt was deleted, or belongs to another installation."""


class StateUnknown(Exception):
    """We never issued this state, or a newer one replaced it."""


class StateUsed(Exception):
    """The state was used before."""


class StateExpired(Exception):
    """The response came too late, or our encryption keys were changed in the meantime."""


class Denied(Exception):
    """The owner of the account declined."""


class SignInRefused(Exception):
    """The provider rejected this sign-in."""


class OtherBrowser(Exception):
    """The state came back in another browser."""


class OAuthAttempt(GuildRecord, kw_only=True):
    """Base of a table of attempts. Its key is `guild_id` and `link_id`; `state_hash` is unique."""

    __abstract__ = True

    link_id: Mapped[str] = mapped_column(
        default_factory=lambda: secrets.token_urlsafe(18),
        repr=False,
        info=SECRET,
        comment="random, inside the signed link",
    )
    asked_at: Mapped[datetime]
    state_hash: Mapped[str | None] = mapped_column(
        init=False,
        default=None,
        info=SECRET,
        comment="SHA-256 of the state, once the link was followed",
    )
    verifier: Mapped[str | None] = mapped_column(
        init=False, default=None, repr=False, info=SECRET, comment="PKCE, encrypted"
    )
    started_at: Mapped[datetime | None] = mapped_column(
        init=False, default=None, comment="when the link was followed to the other site"
    )
    finished_at: Mapped[datetime | None] = mapped_column(
        init=False, default=None, comment="when somebody came back with the state"
    )


A = TypeVar("A", bound=OAuthAttempt)


@dataclass(frozen=True)
class OAuthFlow(Generic[A]):
    """One kind of OAuth flow.

    Attributes:
        name: name of its cookies and rate limits.
        links: the links to its first page.
        attempts: the record class of its attempts.
        callback: path to which the provider redirects people back.
        state_lasts: how long a state is valid.
        site: name of the provider.
        consent_url: `consent_url(settings, state, verifier)`: address of the consent page.
        require: raises if this member may no longer use a link.
        again: text that explains how to get a new link.
        nothing: text that says nothing was linked.
        prefix: the prefix of its states, if several flows share a callback.
    """

    name: str
    links: SignedLinks
    attempts: type[A]
    callback: str
    state_lasts: timedelta
    site: str
    consent_url: Callable[[Settings, str, str], str]
    require: Callable[[Work], object]
    again: Callable[[], str]
    nothing: Callable[[], str]
    prefix: str = ""

    def make_link(self, settings: Settings, attempt: A, discord_id: int) -> str:
        """The personal link of an attempt, as a URL."""
        link = PersonalLink(attempt.link_id, attempt.guild_id, discord_id)
        return self.links.make(settings, link)

    def get_unused(self, work: Work, link_id: str) -> A:
        """The attempt of a link, locked until the transaction ends.

        Raises:
            LinkUsed, LinkForgotten: the link no longer works; or what `require` raises.
        """
        attempt = work.get(self.attempts, (work.guild_id, link_id), with_for_update=True)
        if attempt is None:
            raise LinkForgotten
        if attempt.finished_at is not None:
            raise LinkUsed
        self.require(work)
        return attempt

    def redirect_to_provider(self, services: Services, link: PersonalLink) -> tuple[str, str]:
        """The consent page and its new state. Raises as `get_unused` does."""
        state, verifier = self.prefix + secrets.token_urlsafe(32), secrets.token_urlsafe(48)
        with services.work_in(link.guild_id, link.discord_id) as work:
            attempt = self.get_unused(work, link.link_id)
            attempt.state_hash, attempt.started_at = hash_of(state), work.now
            attempt.verifier = vault_of(services.settings).seal(verifier)
        return self.consent_url(services.settings, state, verifier), state

    def take(self, services: Services, state: str) -> A:
        """Use up the attempt of this state, whatever happens afterwards.

        Raises:
            StateUnknown, StateUsed: this state is not valid.
        """
        of_state = self.attempts.state_hash == hash_of(state)
        found = select(self.attempts).where(of_state).with_for_update(key_share=True)
        used = update(self.attempts).where(of_state)
        with services.database.begin() as tx:
            rows = read_records(tx, found.execution_options(**ACROSS_GUILDS))
            if not rows:
                raise StateUnknown
            if rows[0].finished_at is not None:
                raise StateUsed
            # The verifier is needed once, and is part of the returned value.
            values = {"finished_at": services.clock(), "verifier": None}
            tx.execute(used.values(values), execution_options=ACROSS_GUILDS)
        return rows[0]

    def may_return(self, attempt: A, now: datetime) -> bool:
        """Whether the link was followed to the provider, and not too long ago."""
        return attempt.started_at is not None and now - attempt.started_at <= self.state_lasts

    def verifier_of(self, services: Services, attempt: A) -> str:
        """The PKCE verifier of an attempt from `take`. Raises StateExpired."""
        if not self.may_return(attempt, services.clock()):
            raise StateExpired
        try:
            return vault_of(services.settings).open(attempt.verifier or "")
        except SealBroken:
            raise StateExpired from None

    def forget_old(self, services: Services) -> None:
        """Delete old attempts in every guild."""
        old = delete(self.attempts).where(self.attempts.asked_at < services.clock() - KEEP_ATTEMPTS)
        with services.database.begin() as tx:
            tx.execute(old, execution_options=ACROSS_GUILDS)
