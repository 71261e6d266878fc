"""Polls the platforms, and reports the result to `/shuffle status` and the health page."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, select
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.actions import load_settings
from core.kit.affiliate import AffiliatePlatform, Standings
from core.kit.database.records import THE_BOT
from core.kit.database.work import ACROSS_GUILDS, Work, read_records, run_in_guild
from core.kit.errors import Outage, Refusal
from core.kit.health_item import HealthItem
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.kit.tasks import act_on_each, for_each
from core.kit.text.words import _, plural
from core.shuffle.client import client_of as shuffle_of
from core.wagers import verified_role
from core.wagers.actions import IS_LINKED, list_accounts
from core.wagers.counting import Odd, count, list_odd
from core.wagers.records import AffiliateAccount, Poll
from core.wagers.rules import SHUFFLE, TITLES, WagerSettings

KEPT_FOR = timedelta(days=30)
ODD_SHOWN_FOR = timedelta(days=7)
FAILURES_SHOWN_FOR = timedelta(days=1)
LATE_AFTER_POLLS = 3
"""The health page warns after this many failed polls."""

_ANSWERED = Poll.outcome == "ok"


def platforms_of(settings: Settings) -> tuple[AffiliatePlatform, ...]:
    """Every platform, whether or not it is set up. To add one, add its package and an entry
    here."""
    return (shuffle_of(settings),)


def get_platform(settings: Settings, key: str) -> AffiliatePlatform:
    return next(platform for platform in platforms_of(settings) if platform.key == key)


# -- asking ---------------------------------------------------------------------------------------


def require_platform(settings: Settings, key: str) -> AffiliatePlatform:
    """The platform. Raises Refusal if it is not set up."""
    platform = get_platform(settings, key)
    if not platform.is_set_up:
        raise Refusal(
            _("{platform} is not set up yet.").format(platform=platform.title),
            _("The bot's owner has to set SHUFFLE_AFFILIATE_URL first."),
        )
    return platform


def ask(services: Services, platform: AffiliatePlatform) -> Standings:
    """The current totals of all accounts. Never call it on the event loop or inside a transaction.
    Raises Outage if there was no response, or the platform asked us to wait."""
    now = services.clock()
    with services.database.begin() as tx:
        last = find_last(tx, platform.key)
    if last is not None and last.outcome == "busy" and last.next_at > now:
        wait = (last.next_at - now).total_seconds()
        raise Outage(platform.title, "it asked us to wait", wait)
    try:
        return platform.ask(now)
    except Outage as outage:
        now = services.clock()
        wait = outage.retry_after or services.settings.wager_check_seconds
        failed = Poll(
            platform=platform.key,
            asked_at=now,
            outcome="failed" if outage.retry_after is None else "busy",
            reason=outage.reason,
            next_at=now + timedelta(seconds=wait),
        )
        with services.database.begin() as tx:
            add_poll(tx, failed)
        raise


def poll_platforms(services: Services) -> None:
    """Poll every platform with a verified account, and count new wagers."""
    ready = [platform for platform in platforms_of(services.settings) if platform.is_set_up]
    for_each(ready, lambda platform: _poll(services, platform))


def _poll(services: Services, platform: AffiliatePlatform) -> None:
    with services.database.begin() as tx:
        guild_ids = list_guilds(tx, platform.key)
    if not guild_ids:
        return
    try:
        standings = ask(services, platform)
    except Outage as outage:
        if outage.retry_after is None:
            raise
        return  # it asked us to wait

    def count_in(guild_id: int) -> None:
        with services.work_in(guild_id) as work:
            count(work, platform.key, standings)

    for_each(guild_ids, count_in)
    # Stored last: accounts that are not in a stored response are shown as missing.
    answered = Poll(
        platform=platform.key,
        asked_at=standings.asked_at,
        outcome="ok",
        accounts=len(standings.totals),
        unreadable=standings.unreadable,
        repeated=standings.repeated,
        next_at=standings.asked_at + timedelta(seconds=services.settings.wager_check_seconds),
    )
    with services.database.begin() as tx:
        add_poll(tx, answered)


def reconcile_roles(services: Services) -> None:
    """Assign and remove missed roles in every guild."""
    act_on_each(services, list_guilds, lambda work, _guild_id: verified_role.reconcile(work))


def list_guilds(tx: Connection, platform: str | None = None) -> Sequence[int]:
    """The guilds with an account that was ever verified; with `platform`, only linked ones
    there."""
    wanted = select(AffiliateAccount.guild_id).where(AffiliateAccount.verified_at.is_not(None))
    if platform is not None:
        wanted = wanted.where(AffiliateAccount.platform == platform, IS_LINKED)
    wanted = wanted.distinct().order_by(AffiliateAccount.guild_id)
    return tx.execute(wanted, execution_options=ACROSS_GUILDS).scalars().all()


# -- polls ----------------------------------------------------------------------------------------


def add_poll(tx: Connection, poll: Poll) -> None:
    """Store a poll, and delete old ones."""
    values = {column.name: getattr(poll, column.name) for column in Poll.__table__.columns}
    tx.execute(upsert(Poll).values(values).on_conflict_do_nothing())
    tx.execute(delete(Poll).where(Poll.asked_at < poll.asked_at - KEPT_FOR))


def find_last(tx: Connection, platform: str, *criteria: ColumnElement[bool]) -> Poll | None:
    """The newest poll that meets the criteria."""
    return next(iter(_list_newest(tx, 1, Poll.platform == platform, *criteria)), None)


def _list_newest(tx: Connection, maximum: int, *criteria: ColumnElement[bool]) -> Sequence[Poll]:
    newest_first = select(Poll).where(*criteria).order_by(Poll.asked_at.desc())
    return read_records(tx, newest_first.limit(maximum))


# -- status ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Status:
    """The state of a platform, for admins.

    Attributes:
        code: the guild's campaign code; "" while there is none.
        role_id: the role for verified members; 0 while none is chosen.
        last: the newest response; None before the first.
        failures: recent failed polls, newest first.
        missing: verified accounts that are not in the newest response.
        odd: totals that fell, and held amounts.
    """

    platform: str
    code: str
    role_id: int
    last: Poll | None
    failures: Sequence[Poll]
    accounts: Sequence[AffiliateAccount]
    missing: Sequence[AffiliateAccount]
    odd: Sequence[Odd]


def get_status(work: Work, platform: str) -> Status:
    settings = load_settings(work, WagerSettings)
    accounts = list_accounts(work, platform)
    last = find_last(work.tx, platform, _ANSWERED)
    failed = (Poll.platform == platform, ~_ANSWERED, Poll.asked_at > work.now - FAILURES_SHOWN_FOR)
    return Status(
        platform=TITLES[platform],
        code=settings.code(platform),
        role_id=settings.verified_role,
        last=last,
        failures=_list_newest(work.tx, 5, *failed),
        accounts=accounts,
        missing=[
            account
            for account in accounts
            if last and account.seen_at and account.seen_at < last.asked_at
        ],
        odd=list_odd(work, platform, work.now - ODD_SHOWN_FOR),
    )


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """One item for each guild with verified accounts."""
    last, newest = find_last(tx, SHUFFLE, _ANSWERED), find_last(tx, SHUFFLE)

    def item(guild_id: int) -> HealthItem:
        settings = run_in_guild(tx, guild_id, THE_BOT, now, load_settings, WagerSettings)
        warning = _warning(settings.code(SHUFFLE), last, newest, now)
        count = last.accounts if last else 0
        received = plural("{count} account received.", "{count} accounts received.", count)
        return HealthItem(
            TITLES[SHUFFLE],
            "warn" if warning else "ok",
            warning or received,
            (now - last.asked_at).total_seconds() if last else None,
            guild_id,
            age_of="received",
        )

    return [item(guild_id) for guild_id in list_guilds(tx, SHUFFLE)]


def _warning(code: str, last: Poll | None, newest: Poll | None, now: datetime) -> str:
    if not code:
        return _("Nothing is counted: the server has no campaign code (`wagers.shuffle_code`).")
    if newest is None:
        return _("Not checked yet.")
    if last is not None:
        late_after = LATE_AFTER_POLLS * (last.next_at - last.asked_at) + timedelta(minutes=1)
        if now <= last.asked_at + late_after:
            return ""
    reason = newest.reason or _("Not checked for a while.")
    wait = _("Wagers placed meanwhile are counted once it responds.")
    return f"{reason.rstrip('.')}. {wait}"
