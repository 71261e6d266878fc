"""Finding, locking and opening raffles, planning their draw, and posting about them."""

import secrets
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, select

from core.drand.chain import QUICKNET
from core.draws.rounds import plan_for
from core.draws.secrets import commitment_to, new_secret
from core.guilds.actions import load_settings
from core.guilds.channels import find_trouble, say_trouble
from core.kit.errors import Refusal
from core.kit.words import _
from core.kit.work import Lock, Work
from core.outbox import actions as outbox
from core.raffle import store
from core.raffle.config import Config
from core.raffle.records import Announcement, Kind, Period
from core.raffle.rules import RaffleSettings

# -- which raffle ---------------------------------------------------------------------------------


def find_shown(work: Work) -> Period | None:
    """The raffle that runs, or else the last one that ended, or else the next one."""
    begun = store.TOOK_PLACE.where(Period.starts_at <= work.now).order_by(Period.ends_at.desc())
    return work.scalar(begun.limit(1)) or work.scalar(
        store.TOOK_PLACE.order_by(Period.starts_at).limit(1)
    )


def get_shown(work: Work) -> Period:
    """The same; raises Refusal if there has been none."""
    if shown := find_shown(work):
        return shown
    raise Refusal(
        _("There is no raffle yet."), _("An admin opens the first one with `/rafflestart`.")
    )


def no_such_raffle(number: int) -> Refusal:
    """The answer when no raffle has this number."""
    return Refusal(
        _("There is no raffle #{number}.").format(number=number),
        _("`/rafflehistory` lists the past ones."),
    )


# -- locks ----------------------------------------------------------------------------------------

_OF_NUMBER = (
    select(Period)
    .where(Period.number == bindparam("number"))
    .execution_options(populate_existing=True)
)
_LOCKED = _OF_NUMBER.with_for_update()
_HELD = _OF_NUMBER.where(Period.state == "open").with_for_update(key_share=True)


def lock_period(work: Work, number: int) -> Period | None:
    """The raffle as it is now. Until the transaction ends, nobody else changes it or posts entries.
    Take `Lock.RAFFLES` first if you need both."""
    return work.scalar(_LOCKED, {"number": number})


def hold_open(work: Work, number: int) -> bool:
    """Keep everybody else from freezing the raffle, and from posting entries for several viewers,
    until the transaction ends; False if it takes no tickets any more."""
    return work.scalar(_HELD, {"number": number}) is not None


# -- opening --------------------------------------------------------------------------------------


def open_period(
    work: Work,
    config: Config,
    starts_at: datetime,
    ends_at: datetime,
    settings: RaffleSettings,
    *,
    ends_with_month: bool = False,
) -> Period:
    """Open a raffle with a new seed, of which only the commitment is published, and announce which
    round of the beacon is expected to decide. Raises Refusal if another raffle runs then."""
    work.lock(Lock.RAFFLES)
    require_free(work, starts_at, ends_at)
    seed = new_secret()
    opened = Period(
        number=work.next_number(Period.number),
        starts_at=starts_at,
        ends_at=ends_at,
        ends_with_month=ends_with_month,
        prize=settings.prize,
        winners_wanted=settings.winners,
        sealed_seed=config.vault.seal(seed.hex()),
        sealed_salt=config.vault.seal(new_secret().hex()),
        commitment=commitment_to(seed),
        public_id=secrets.token_urlsafe(12),
        opened_at=work.now,
    )
    work.add(opened)
    work.flush()
    work.add(plan_of(work, config, opened, "opened"))
    announce(work, config, opened)
    return opened


def require_free(work: Work, starts_at: datetime, ends_at: datetime, *, number: int = 0) -> None:
    """Raise Refusal if a raffle other than this number runs at that time. Hold `Lock.RAFFLES`."""
    overlapping = store.TOOK_PLACE.where(
        Period.starts_at < ends_at, Period.ends_at > starts_at, Period.number != number
    )
    other = work.scalar(overlapping.order_by(Period.starts_at).limit(1))
    if other is not None:
        raise Refusal(
            _("Raffle #{number} is running at that time.").format(number=other.number),
            _(
                "It lasts from {start} to {end}. End it with `/raffleend`, or choose other dates "
                "with `/rafflesetdate`."
            ).format(start=_moment(other.starts_at), end=_moment(other.ends_at)),
        )


def _moment(instant: datetime) -> str:
    """In the reader's own time zone."""
    return f"<t:{int(instant.timestamp())}:f>"


def plan_of(work: Work, config: Config, period: Period, kind: Kind) -> Announcement:
    """When the list is to be frozen, and which round is expected to decide."""
    grace = timedelta(minutes=load_settings(work, RaffleSettings).grace_minutes)
    planned_at = period.ends_at.replace(microsecond=0) + grace
    expected = plan_for(config.chain, planned_at).round
    return Announcement(
        period=period.number,
        kind=kind,
        at=work.now,
        planned_at=planned_at,
        chain=config.chain.name,
        round=expected,
        round_at=config.chain.made_at(expected),
    )


def plan_payload(plan: Announcement | None) -> dict[str, Any]:
    """A plan, as a Discord message needs it."""
    if plan is None or plan.planned_at is None or plan.round_at is None:
        return {"planned_at": None}
    return {
        "planned_at": plan.planned_at.isoformat(),
        "round": plan.round,
        "round_at": plan.round_at.isoformat(),
        "is_public": plan.chain == QUICKNET.name,
    }


# -- posts ---------------------------------------------------------------------------------------


def find_problem(work: Work) -> str:
    """Why raffle news cannot be posted and what an admin can do; "" when nothing is wrong."""
    channel_id = load_settings(work, RaffleSettings).channel
    if not channel_id:
        return _("Choose a channel with `/settings set raffle.channel`.")
    trouble = find_trouble(work, channel_id)
    return say_trouble(trouble) if trouble else ""


def announce(work: Work, config: Config, opened: Period) -> None:
    """Post the commitment and the plan in the raffle's channel, if there is one."""
    payload = {
        **opened.dates,
        "prize": opened.prize,
        "winners": opened.winners_wanted,
        "planned": opened.starts_at > work.now,
        "commitment": opened.commitment,
        "page": config.page_of(opened.public_id),
        **plan_payload(store.find_plan(work, opened.number)),
    }
    post_news(work, "raffle.opened", opened_key(opened.number), payload)


def opened_key(number: int) -> str:
    """The key of the announcement in the outbox."""
    return f"raffle.opened:{number}"


def post_news(work: Work, kind: str, key: str, payload: dict[str, Any]) -> bool:
    """Post in the raffle's channel; False if there is none, or this was posted before."""
    channel_id = load_settings(work, RaffleSettings).channel
    return bool(channel_id) and outbox.post_to_channel(work, channel_id, kind, key, payload)


def log_change(work: Work, what: str, key: str, number: int, **details: Any) -> None:
    """Post what an admin did in the log channel, or else in the raffle's."""
    settings = load_settings(work, RaffleSettings)
    channel_id = settings.log_channel or settings.channel
    if channel_id:
        who = {"actor": str(work.actor), "at": work.now.isoformat()}
        payload = {"what": what, "number": number, **who, **details}
        key = f"raffle.changed:{key}"
        outbox.post_to_channel(work, channel_id, "raffle.changed", key, payload)
