"""The round trip of a viewer: the personal link, Kick's consent page, and back.

The state of an attempt is used up before Kick is asked for anything, so that whatever happens
afterwards it has worked once. No transaction is open while Kick is asked. Of Kick's answer the
account's id and name are kept; the tokens are given back at once.
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
from core.kit.signed_links import PersonalLink
from core.people import store as people
from core.people.linking import actions, store
from core.people.linking.actions import Account, Conflict
from core.people.linking.rules import KEEP_ATTEMPTS, STATE_LASTS
from core.people.linking.store import Attempt, attempt_of
from core.people.linking.tables import attempts as table
from core.people.linklog.rules import Reason
from core.people.records import Link
from core.people.store import KICK

SCOPES = ("user:read",)
"""Who somebody is, and nothing else."""

PREFIX = "people."
"""Of our states, so that Kick's one callback knows whose they are."""


class LinkedAlready(Exception):
    """The member has linked an account by now."""


@dataclass(frozen=True, slots=True)
class Question:
    """What the page between asks: is this you?"""

    server: str
    attempt: Attempt


@dataclass(frozen=True, slots=True)
class Taken:
    """An attempt whose state came back, and its row with the sealed verifier."""

    attempt: Attempt
    row: RowMapping = field(repr=False)


def look(services: Services, link: PersonalLink) -> Question:
    """What the page of a link shows. Opening it uses nothing up.

    Raises:
        LinkUsed, LinkForgotten, LinkedAlready: the link no longer works.
    """
    with services.database.begin() as tx:
        attempt = attempt_of(_unused(tx, link))
        return Question(guilds.list_names(tx).get(link.guild_id, ""), attempt)


def depart(services: Services, link: PersonalLink) -> tuple[str, str]:
    """Follow the link to Kick: the address there, and the state, which replaces that of an earlier
    departure. Raises as `look` does."""
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
    """Somebody opened a link that is not theirs: it stops working, also for whoever is at Kick
    with it. Raises as `look` does."""
    with services.database.begin() as tx:
        attempt = attempt_of(_unused(tx, link))
        if not store.set_declined(tx, link.guild_id, link.link_id, services.clock()):
            raise LinkUsed
        actions.fail_attempt(tx, attempt, "not_me", services.clock())


def note_expired(services: Services, link: PersonalLink) -> None:
    """Somebody opened a link that is too old. Whoever left for Kick in time may still come back."""
    now = services.clock()
    with services.database.begin() as tx:
        try:
            row = _unused(tx, link)
        except (LinkForgotten, LinkUsed, LinkedAlready):
            return
        if not attempts.may_return(row, now, STATE_LASTS):
            actions.fail_attempt(tx, attempt_of(row), "expired", now)


def take(services: Services, state: str) -> Taken:
    """Use up the attempt that this state belongs to, whatever happens afterwards.

    Raises:
        StateUnknown, StateUsed: this state is not valid (any more).
    """
    with services.database.begin() as tx:
        row = attempts.take(tx, table, state, services.clock())
    return Taken(attempt_of(row), row)


def arrive(services: Services, taken: Taken, code: str) -> Link:
    """The owner of an account said yes: see whose it is, and link it.

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
    """Keep why nothing came of an attempt. What is not known here is found later by itself."""
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


def give_up(services: Services) -> None:
    """Attempts of which nothing was heard any more."""
    with services.database.begin() as tx:
        actions.give_up_attempts(tx, services.clock())


def forget_old_attempts(services: Services) -> None:
    """Links and states that are long over."""
    with services.database.begin() as tx:
        attempts.end_before(tx, table, services.clock() - KEEP_ATTEMPTS)
