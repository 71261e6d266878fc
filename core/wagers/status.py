"""How an affiliate platform is doing in a server: for its admins, and for the health page."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.guilds.actions import setting
from core.kit.health_item import HealthItem
from core.kit.words import _, plural
from core.wagers import counted, polls, store
from core.wagers.counted import Odd
from core.wagers.platforms import SHUFFLE, TITLES
from core.wagers.polls import Poll
from core.wagers.settings import CODES, VERIFIED_ROLE
from core.wagers.store import Account

LATELY = timedelta(days=7)
LATE = 3
"""So many looks have to fail before the health page says so."""


@dataclass(frozen=True, slots=True)
class Status:
    """What an admin may want to know.

    Attributes:
        code: the server's campaign code; "" while there is none.
        role_id: the role for verified members; None while none is chosen.
        last: the newest poll that told something; None before the first.
        troubles: those that did not, newest first.
        missing: verified accounts that the newest answer did not have.
        odd: totals that fell, and what is held.
    """

    platform: str
    code: str
    role_id: int | None
    last: Poll | None
    troubles: list[Poll]
    accounts: list[Account]
    missing: list[Account]
    odd: list[Odd]


def get_status(tx: Connection, guild_id: int, platform: str, now: datetime) -> Status:
    """How it is now."""
    accounts = store.list_accounts(tx, guild_id, platform)
    last = polls.find_last(tx, platform, "ok")
    return Status(
        platform=TITLES[platform],
        code=setting(tx, guild_id, CODES[platform]).strip(),
        role_id=setting(tx, guild_id, VERIFIED_ROLE) or None,
        last=last,
        troubles=polls.list_troubles(tx, platform, now - timedelta(days=1)),
        accounts=accounts,
        missing=[one for one in accounts if _is_missing(one, last)],
        odd=counted.list_odd(tx, guild_id, platform, now - LATELY),
    )


def _is_missing(account: Account, last: Poll | None) -> bool:
    return bool(last and account.seen_at and account.seen_at < last.asked_at)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """A line for each server with verified accounts, for the health page."""
    last, trouble = polls.find_last(tx, SHUFFLE, "ok"), polls.find_last(tx, SHUFFLE)
    return [
        _part(guild_id, setting(tx, guild_id, CODES[SHUFFLE]), last, trouble, now)
        for guild_id in store.list_guilds(tx, SHUFFLE)
    ]


def _part(
    guild_id: int, code: str, last: Poll | None, newest: Poll | None, now: datetime
) -> HealthItem:
    name, age = TITLES[SHUFFLE], (now - last.asked_at).total_seconds() if last else None
    if not code.strip():
        reason = _("Nothing is counted: the server has no campaign code (`wagers.shuffle_code`).")
        return HealthItem(name, "warn", reason, age, guild_id, age_of="received")
    if newest is None:
        return HealthItem(name, "warn", _("It was not asked yet."), guild_id=guild_id)
    if _is_late(last, now):
        reason = newest.reason or _("It was not asked for a while.")
        wait = _("What is wagered meanwhile is counted once it answers.")
        return HealthItem(
            name, "warn", f"{reason.rstrip('.')}. {wait}", age, guild_id, age_of="received"
        )
    told = plural("{count} account received.", "{count} accounts received.", _told(last))
    return HealthItem(name, "ok", told, age, guild_id, age_of="received")


def _is_late(last: Poll | None, now: datetime) -> bool:
    if last is None:
        return True
    return now > last.asked_at + LATE * (last.next_at - last.asked_at) + timedelta(minutes=1)


def _told(last: Poll | None) -> int:
    return last.accounts if last else 0
