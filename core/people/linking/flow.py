"""The OAuth flow of a viewer: the personal link, Kick's consent page, and back.

The state of an attempt is used up before Kick is called, so that it works only once whatever
happens. No transaction is open during a call. Of Kick's answer only the id and name of the account
are kept; the tokens are revoked at once.
"""

from dataclasses import dataclass, field

from sqlalchemy import Connection, RowMapping

from core.guilds import store as guilds
from core.kick.accounts import oauth
from core.kick.client import client_of
from core.kick.wire import KickRejected
from core.kit import attempts
from core.kit.attempts import (
    Denied,
    LinkForgotten,
    LinkUsed,
    OtherBrowser,
    SignInRefused,
    StateExpired,
)
from core.kit.crypto import vault_of
from core.kit.errors import Outage, Refusal
from core.kit.services import Services
from core.kit.signed_links import PersonalLink, SignedLinks
from core.people import store as people
from core.people.linking import actions, store
from core.people.linking.actions import Account, Conflict
from core.people.linking.rules import KEEP_ATTEMPTS, LINK_LASTS, STATE_LASTS
from core.people.linking.store import Attempt, attempt_of
from core.people.linking.tables import attempts as table
from core.people.linklog.rules import Reason
from core.people.records import Link
from core.people.store import KICK

LINKS = SignedLinks("people.link", "/link/kick", LINK_LASTS)

SCOPES = ("user:read",)
"""Id and name of the account, and nothing else."""

PREFIX = "people."
"""Of our states: all OAuth flows with Kick share one callback."""


class LinkedAlready(Exception):
    """The member has linked an account by now."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the link's page shows: is this you?"""

    server: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Taken:
    """An attempt whose state was used, and its row with the sealed verifier."""

    attempt: Attempt
    row: RowMapping = field(repr=False)


def look(services: Services, link: PersonalLink) -> Question:
    """What the page of a link shows. It can be opened again.

    Raises:
        LinkUsed, LinkForgotten, LinkedAlready: the link no longer works.
    """
    with services.database.begin() as tx:
        attempt = attempt_of(_unused(tx, link))
        return Question(guilds.list_names(tx).get(link.guild_id, ""), attempt)


def depart(services: Services, link: PersonalLink) -> tuple[str, str]:
    """Kick's consent page and the state, which replaces an earlier one. Raises as `look` does."""
    vault = vault_of(services.settings)
    with services.database.begin() as tx:
        _unused(tx, link)
        left = attempts.start(
            tx, table, link.guild_id, link.link_id, vault, services.clock(), PREFIX
        )
    return oauth.consent_url(services.settings, left.state, left.verifier, SCOPES), left.state


def _unused(tx: Connection, link: PersonalLink) -> RowMapping:
    row = attempts.get_unused(tx, table, link.guild_id, link.link_id)
    if people.find_link(tx, link.guild_id, link.discord_id):
        raise LinkedAlready
    return row


def decline(services: Services, link: PersonalLink) -> None:
    """Disable a link that somebody else opened, also for whoever is at Kick with it. Raises as
    `look` does."""
    with services.database.begin() as tx:
        attempt = attempt_of(_unused(tx, link))
        if not store.set_declined(tx, link.guild_id, link.link_id, services.clock()):
            raise LinkUsed
        actions.fail_attempt(tx, attempt, "not_me", services.clock())


def note_expired(services: Services, link: PersonalLink) -> None:
    """Somebody opened an expired link. Whoever went to Kick in time may still come back."""
    now = services.clock()
    with services.database.begin() as tx:
        try:
            row = _unused(tx, link)
        except (LinkForgotten, LinkUsed, LinkedAlready):
            return
        if not attempts.may_return(row, now, STATE_LASTS):
            actions.fail_attempt(tx, attempt_of(row), "expired", now)


def take(services: Services, state: str) -> Taken:
    """Use up the attempt of this state.

    Raises:
        StateUnknown, StateUsed: this state is not valid (any more).
    """
    with services.database.begin() as tx:
        row = attempts.take(tx, table, state, services.clock())
    return Taken(attempt_of(row), row)


def arrive(services: Services, taken: Taken, code: str) -> Link:
    """Link the account whose owner agreed at Kick.

    Raises:
        StateExpired: that came too late.
        LinkForgotten: the member asked to be forgotten meanwhile.
        Conflict: the account or the member is linked otherwise.
        oauth.GrantEnded: Kick does not take the code.
        Refusal: Kick does not take our app.
        Outage: Kick does not answer.
    """
    now, vault = services.clock(), vault_of(services.settings)
    verifier = attempts.verifier_of(taken.row, vault, now, STATE_LASTS)
    client = client_of(services.settings)
    tokens = oauth.redeem(client, services.settings, code, verifier, now)
    try:
        who = client.account_of(tokens.access)
        account = Account(KICK, who.kick_user_id, who.name)
        with services.database.begin() as tx:
            ended = actions.finish_attempt(tx, taken.attempt, account, now)
    except KickRejected as rejected:
        raise oauth.GrantEnded(rejected.reason) from rejected
    finally:
        oauth.revoke(client, tokens.access, tokens.refresh)
    if isinstance(ended, Conflict):
        raise ended
    return ended


def note_failure(services: Services, attempt: Attempt, error: Exception) -> None:
    """Record why an attempt failed. After an unknown error `give_up` does it later."""
    reason = _reason(error)
    if reason is not None:
        with services.database.begin() as tx:
            actions.fail_attempt(tx, attempt, reason, services.clock())


def _reason(error: Exception) -> Reason | None:
    match error:
        case OtherBrowser():
            return "other_browser"
        case Denied():
            return "denied"
        case StateExpired():
            return "late"
        case SignInRefused():
            return "not_accepted"
        case Outage():
            return "kick_away" if error.service == "Kick" else None
        case Refusal():
            return "bot_refused"
    return None


def tidy(services: Services) -> None:
    """Fail attempts that were interrupted, and delete old ones."""
    give_up(services)
    forget_old_attempts(services)


def give_up(services: Services) -> None:
    """Fail attempts that were interrupted."""
    with services.database.begin() as tx:
        actions.give_up_attempts(tx, services.clock())


def forget_old_attempts(services: Services) -> None:
    """Delete attempts that ended long ago."""
    with services.database.begin() as tx:
        attempts.end_before(tx, table, services.clock() - KEEP_ATTEMPTS)
