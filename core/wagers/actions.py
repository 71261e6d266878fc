"""What one can do with accounts on affiliate platforms. Each action is one transaction.

Of an account an admin says whose it is, for the platform does not tell us; so linking claims a
name, and only what an admin has verified counts (`verifying`, `counting`).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.guilds.actions import setting
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import post_audit
from core.kit.affiliate import fold
from core.kit.database import savepoint, violated
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox import actions as outbox
from core.people import store as people
from core.people.actions import find_person
from core.people.store import Link
from core.wagers import role, rules, store
from core.wagers.platforms import TITLES
from core.wagers.store import Account


def link(
    tx: Connection, guild_id: int, discord_id: int, platform: str, username: str, now: datetime
) -> Account:
    """A member says which account is theirs. Saying it again changes nothing.

    Raises:
        Refusal: there is something in the way; it says what, and what helps.
    """
    own, name = require_link(tx, guild_id, discord_id), require_name(username)
    store.lock(tx, guild_id)
    before = store.find_of_viewer(tx, guild_id, platform, own.viewer_id)
    if before is not None and before.folded_name == fold(name):
        return before
    if before is None:
        _require_rest(tx, own, platform, name, now)
    account = add(tx, own, platform, name, now)
    channel_id = setting(tx, guild_id, ADMIN_CHANNEL)
    if channel_id:
        payload = payload_of(account)
        key = f"wagers.linked:{account.account_id}"
        outbox.post_to_channel(tx, guild_id, channel_id, "wagers.linked", key, payload)
    return account


def require_link(tx: Connection, guild_id: int, discord_id: int) -> Link:
    """The member's account on Kick, on which what is counted hangs.

    Raises:
        Refusal: there is none.
    """
    own = people.find_link(tx, guild_id, discord_id)
    if own is None:
        raise link_first()
    return own


def link_first() -> Refusal:
    """Nothing can hang on an account that is not there."""
    return Refusal(
        _("Link your Kick account first."),
        _("What counts is kept with it. `/link` does that; then come back here."),
    )


def require_name(username: str) -> str:
    """The name without what people put around it.

    Raises:
        Refusal: nobody can be called so.
    """
    name = rules.clean_name(username)
    if name is None:
        raise Refusal(
            _("That cannot be a username."),
            _("Write it as on your profile there: one word, at most {most} characters.").format(
                most=rules.LONGEST_NAME
            ),
        )
    return name


def _require_rest(tx: Connection, own: Link, platform: str, name: str, now: datetime) -> None:
    ended_at = store.find_last_ended_at(
        tx,
        own.guild_id,
        platform,
        viewer_id=own.viewer_id,
        discord_id=own.discord_id,
        folded_name=fold(name),
    )
    again_at = rules.free_again_at(ended_at, now)
    if again_at is not None:
        raise Refusal(
            _("An account was unlinked here not long ago."),
            _("Link again <t:{at}:R>. If there was a mistake, an admin can help now.").format(
                at=int(again_at.timestamp()) + 1
            ),
        )


def add(tx: Connection, own: Link, platform: str, name: str, now: datetime) -> Account:
    """Link it, without asking whether it is too soon. Hold `store.lock`.

    Raises:
        Refusal: the member has another account there, or another member has this one.
    """
    try:
        with savepoint(tx):
            account_id = store.add_account(
                tx,
                own.guild_id,
                platform,
                viewer_id=own.viewer_id,
                discord_id=own.discord_id,
                username=name,
                folded_name=fold(name),
                now=now,
            )
    except IntegrityError as error:
        raise _refusal_of(error, platform) from error
    return get_account(tx, own.guild_id, account_id)


def _refusal_of(error: IntegrityError, platform: str) -> Exception:
    title = TITLES[platform]
    match violated(error):
        case "wagers_accounts_one_a_viewer":
            return Refusal(
                _("Another {platform} account is linked with you.").format(platform=title),
                _("`/unlinkshuffle` unlinks it; a new one can be linked a day later."),
            )
        case "wagers_accounts_one_a_name":
            return Refusal(
                _("Somebody else has linked that {platform} account.").format(platform=title),
                _("If it is yours, ask an admin: with `/verifyshuffle` they can set it right."),
            )
    return error


def get_account(tx: Connection, guild_id: int, account_id: int) -> Account:
    """The account with this number.

    Raises:
        Refusal: there is none, or it was unlinked.
    """
    account = store.find_account(tx, guild_id, account_id)
    if account is None or account.ended_at is not None:
        raise Refusal(_("This account is not linked any more."))
    return account


def unlink(
    tx: Connection,
    guild_id: int,
    actor: int,
    person: str | None,
    platform: str,
    now: datetime,
) -> Account:
    """Unlink the actor's own account, or as an admin another person's. What was counted stays.

    Raises:
        Refusal: there is none.
    """
    if person is None:
        viewer_id = require_link(tx, guild_id, actor).viewer_id
    else:
        viewer_id = find_person(tx, guild_id, person).viewer_id
    store.lock(tx, guild_id)
    account = store.find_of_viewer(tx, guild_id, platform, viewer_id)
    if account is None:
        raise Refusal(_("No {platform} account is linked.").format(platform=TITLES[platform]))
    end(tx, account, actor, now)
    return account


def end(tx: Connection, account: Account, actor: int, now: datetime) -> None:
    """It counts no more and its role goes. Hold `store.lock`."""
    store.end_account(tx, account, actor, now)
    if actor != account.owner:
        whose = f"viewer:{account.viewer_id}"
        post_audit(tx, account.guild_id, actor, "wagers.unlink", whose, before=account.platform)
    ended = store.find_account(tx, account.guild_id, account.account_id)
    assert ended is not None
    role.settle(tx, ended, now)


def payload_of(account: Account) -> dict[str, Any]:
    """What messages say of an account."""
    return {
        "account_id": account.account_id,
        "platform": TITLES[account.platform],
        "username": account.username,
        "viewer": account.name,
        "discord_id": account.owner or account.discord_id,
    }
