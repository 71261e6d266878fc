"""Drawing winners from a frozen list until there are as many as prizes."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection

from core.draws import secrets
from core.draws.picks import SkipReason
from core.guilds.store import post_audit
from core.people import store as people
from core.raffle import store as raffle
from core.raffle.config import Config
from core.raffle.draw import announcing, exclusions, store
from core.raffle.draw.integrity import check_draw, check_owners, check_position, order_of, salt_of
from core.raffle.draw.store import WINNING, Draw, Pick
from core.raffle.records import Period

AUTOMATIC = 0
"""The actor in the audit log of what the bot did without being asked."""


def pick_missing(tx: Connection, config: Config, period: Period, draw: Draw, now: datetime) -> None:
    """Draw until there are as many winners as prizes or nobody is left, then close the raffle if it
    is over. Hold the period's lock."""
    picked = store.list_picks(tx, period.guild_id, period.number)
    missing = period.winners_wanted - sum(pick.state in WINNING for pick in picked)
    if missing > 0 and _pick_next(tx, config, period, draw, picked, missing, now) == 0:
        announcing.nobody(tx, config, period, draw)
    close_if_over(tx, period, now)


def _pick_next(
    tx: Connection,
    config: Config,
    period: Period,
    draw: Draw,
    picked: Sequence[Pick],
    missing: int,
    now: datetime,
) -> int:
    """Draw after those who were drawn before; returns the number of new winners."""
    entrants = check_draw(tx, config, period, draw)
    viewer_ids = check_owners(tx, config, period, entrants, now)
    order = order_of(tx, config, draw, entrants)
    for pick in picked:
        check_position(period, pick, next(order, None))
    salt, found = salt_of(tx, config, period.guild_id, period.number), 0
    for k, pseudonym in enumerate(order, len(picked) + 1):
        pick = _add_pick(tx, salt, draw, k, pseudonym, viewer_ids.get(pseudonym), now)
        if pick.reason is not None:
            announcing.skipped(tx, period, draw, pick)
            continue
        if found == 0:
            announcing.reveal(tx, period, draw, pick.k, entrants.pseudonyms[: announcing.NAMES])
        announcing.drawn(tx, config, period, draw, pick)
        found += 1
        if found == missing:
            break
    return found


def _add_pick(
    tx: Connection,
    salt: bytes,
    draw: Draw,
    k: int,
    pseudonym: str,
    viewer_id: int | None,
    now: datetime,
) -> Pick:
    """Record who was drawn, and whether they win."""
    guild_id, number = draw.guild_id, draw.period
    reason, discord_id = _find_skip_reason(tx, guild_id, number, viewer_id, now)
    window = timedelta(minutes=draw.claim_minutes)
    store.add_pick(
        tx,
        guild_id,
        number,
        k,
        viewer_id=viewer_id,
        pseudonym=pseudonym,
        claimant=None if reason or not discord_id else secrets.claimant(salt, discord_id),
        state="skipped" if reason else "drawn",
        reason=reason,
        discord_id=discord_id,
        drawn_at=now,
        expires_at=None if reason else now + window,
        channel_id=None if reason else announcing.channel_of(tx, draw),
    )
    post_audit(tx, guild_id, AUTOMATIC, "raffle.pick", f"#{number}.{k}", after=reason or "drawn")
    pick = store.find_pick(tx, guild_id, number, k)
    assert pick is not None, "it was added above"
    return pick


def _find_skip_reason(
    tx: Connection, guild_id: int, number: int, viewer_id: int | None, now: datetime
) -> tuple[SkipReason | None, int | None]:
    """Why this viewer does not win, and the Discord member who linked the account."""
    if viewer_id is None:  # they asked to be forgotten
        return "unlinked", None
    link = people.find_link_of_viewer(tx, guild_id, viewer_id)
    ban = find_ban(tx, guild_id, viewer_id, now)
    if ban is not None or link is None:
        return ban or "unlinked", link.discord_id if link else None
    winners = {p.discord_id for p in store.list_picks(tx, guild_id, number) if p.state in WINNING}
    return "won_already" if link.discord_id in winners else None, link.discord_id


def find_ban(
    tx: Connection, guild_id: int, viewer_id: int | None, now: datetime
) -> SkipReason | None:
    """Why a viewer may not win now: excluded or banned."""
    causes = exclusions.list_causes(tx, guild_id, viewer_id, now) if viewer_id else []
    if not causes:
        return None
    return "excluded" if "admin" in causes else "banned"


def close_if_over(tx: Connection, period: Period, now: datetime) -> None:
    """Close the raffle when no prize is left to be claimed or delivered. Hold the period's lock."""
    picked = store.list_picks(tx, period.guild_id, period.number)
    if not any(pick.state in ("drawn", "claimed") for pick in picked):
        raffle.set_period(tx, period.guild_id, period.number, state="closed", closed_at=now)
