"""Opening a period: its seed is fixed, its commitment and the plan of its draw are announced."""

import secrets
from datetime import datetime
from typing import Any

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from core.drand.chain import QUICKNET
from core.draws.secrets import commitment_to, new_secret
from core.guilds import channels
from core.guilds.actions import setting
from core.kit.database import savepoint, violated
from core.kit.errors import Refusal
from core.kit.words import _
from core.outbox import actions as outbox
from core.raffle import announcements, store
from core.raffle.config import Config
from core.raffle.records import Announcement, Kind, Period
from core.raffle.settings import CHANNEL, GRACE_MINUTES


def open_period(
    tx: Connection,
    config: Config,
    guild_id: int,
    starts_at: datetime,
    ends_at: datetime,
    *,
    prize: str,
    winners_wanted: int,
    now: datetime,
    ends_with_month: bool = False,
) -> Period:
    """Open a period with a new seed, of which only the commitment is published, and announce which
    round of the beacon is expected to decide.

    Raises:
        Refusal: another period runs at the same time.
    """
    store.lock_periods(tx, guild_id)
    seed = new_secret()
    try:
        with savepoint(tx):
            opened = store.open_period(
                tx,
                guild_id,
                starts_at,
                ends_at,
                ends_with_month=ends_with_month,
                prize=prize,
                winners_wanted=winners_wanted,
                sealed_seed=config.vault.seal(seed.hex()),
                sealed_salt=config.vault.seal(new_secret().hex()),
                commitment=commitment_to(seed),
                public_id=secrets.token_urlsafe(12),
                now=now,
            )
    except IntegrityError as error:
        if violated(error) != "raffle_periods_apart":
            raise
        raise Refusal(
            _("Another raffle runs during that time."),
            _("Choose other days, or end the running one first."),
        ) from error
    plan = plan_of(tx, config, opened, "opened", now)
    announcements.add_announcement(tx, guild_id, opened.number, plan)
    announce(tx, config, opened, now)
    return opened


def plan_of(
    tx: Connection, config: Config, period: Period, kind: Kind, now: datetime
) -> Announcement:
    """When the list is to be frozen, by the end and the grace time, and which round is expected."""
    grace = setting(tx, period.guild_id, GRACE_MINUTES)
    return announcements.plan(config.chain, kind, period.ends_at, grace, now)


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


def find_problem(tx: Connection, guild_id: int) -> str:
    """Why raffle news cannot be posted and what an admin can do; "" when nothing is wrong."""
    channel_id = setting(tx, guild_id, CHANNEL)
    if not channel_id:
        return _("Choose a channel with `/settings set raffle.channel`.")
    trouble = channels.find_trouble(tx, guild_id, channel_id)
    return channels.say_trouble(trouble) if trouble else ""


def announce(tx: Connection, config: Config, opened: Period, now: datetime) -> None:
    """Post the commitment and the plan in the raffle's channel, if there is one."""
    channel_id = setting(tx, opened.guild_id, CHANNEL)
    if not channel_id:
        return
    payload = {
        "number": opened.number,
        "prize": opened.prize,
        "winners": opened.winners_wanted,
        "starts_at": opened.starts_at.isoformat(),
        "ends_at": opened.ends_at.isoformat(),
        "planned": opened.starts_at > now,
        "commitment": opened.commitment,
        "page": config.page_of(opened.public_id),
        **plan_payload(announcements.find_plan(tx, opened.guild_id, opened.number)),
    }
    key = opened_key(opened.number)
    outbox.post_to_channel(tx, opened.guild_id, channel_id, "raffle.opened", key, payload)


def opened_key(number: int) -> str:
    """Under which the announcement lies in the outbox."""
    return f"raffle.opened:{number}"
