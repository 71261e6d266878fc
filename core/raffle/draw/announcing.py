"""The draw's Discord messages, sent through the outbox.

Each winner has one post in the channel, which mentions them and is edited when something changes.
Before the first winner, a short animation is posted and deleted.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from core.guilds.actions import setting
from core.guilds.channels import tell_admins
from core.guilds.store import list_names
from core.outbox import actions as outbox
from core.raffle.actions import plan_payload
from core.raffle.config import Config
from core.raffle.draw.store import Draw, Pick, find_tickets_of_line
from core.raffle.records import Announcement, Period
from core.raffle.settings import CHANNEL

ROLLS = 3
ROLL_SECONDS = 1.5
ROLL_NAMES = 4
NAMES = ROLLS * ROLL_NAMES
"""How many pseudonyms the animation shows; they have nothing to do with who wins."""


def planned(tx: Connection, config: Config, period: Period, plan: Announcement) -> None:
    """The planned freeze changed, so another round is expected."""
    channel_id = setting(tx, period.guild_id, CHANNEL)
    if not channel_id:
        return
    payload = {**_about(period), "page": config.page_of(period.public_id), **plan_payload(plan)}
    key = f"raffle.planned:{period.number}:{plan.at.isoformat()}"
    outbox.post_to_channel(tx, period.guild_id, channel_id, "raffle.planned", key, payload)


def frozen(
    tx: Connection,
    config: Config,
    period: Period,
    draw: Draw,
    plan: Announcement | None,
    earlier: Sequence[Announcement],
) -> None:
    """The hash of the list and the round, before the round is published. There are `earlier`
    freezes only if somebody changed the database."""
    payload = {
        **_about(period),
        "page": config.page_of(period.public_id),
        "entrants": draw.entrants,
        "tickets": draw.tickets,
        "left_out": draw.left_out,
        "hash": draw.snapshot_hash,
        "round": draw.round,
        "round_at": draw.round_at.isoformat() if draw.round_at else None,
        "is_public": draw.is_public,
        "claim_minutes": draw.claim_minutes,
        "by": draw.frozen_by,
        "frozen_at": draw.frozen_at.isoformat(),
        "plan": plan_payload(plan),
        "earlier": [one.at.isoformat() for one in earlier],
    }
    key = frozen_key(period.number, draw.snapshot_hash)
    outbox.post_to_channel(tx, period.guild_id, draw.channel_id, "raffle.frozen", key, payload)


def frozen_key(number: int, snapshot_hash: str) -> str:
    """The announcement's key in the outbox: another list is another announcement."""
    return f"raffle.frozen:{number}:{snapshot_hash}"


def given_up(tx: Connection, config: Config, period: Period, draw: Draw) -> None:
    """An admin draws without the announced round."""
    payload = {
        **_about(period),
        "page": config.page_of(period.public_id),
        "round": draw.round,
        "round_at": draw.round_at.isoformat() if draw.round_at else None,
    }
    key, channel_id = f"raffle.given_up:{period.number}", channel_of(tx, draw)
    outbox.post_to_channel(tx, period.guild_id, channel_id, "raffle.given_up", key, payload)


def reveal(tx: Connection, period: Period, draw: Draw, k: int, names: Sequence[str]) -> None:
    """Animate pseudonyms for some seconds, before pick k and the next ones are announced."""
    guild_id, channel_id = period.guild_id, channel_of(tx, draw)
    key = f"raffle.reveal:{period.number}:{k}"
    payload = {
        "number": period.number,
        "total": draw.tickets,
        "names": [name[:8] for name in names],
    }
    outbox.post_to_channel(tx, guild_id, channel_id, _REVEAL, key, {**payload, "roll": 1})
    for turn in range(2, ROLLS + 1):
        seconds = (turn - 1) * ROLL_SECONDS
        rolled = {**payload, "roll": turn}
        again = f"{key}:{turn}"
        outbox.post_edit(
            tx, guild_id, channel_id, key, _REVEAL, again, rolled, after_seconds=seconds
        )
    over = ROLLS * ROLL_SECONDS
    outbox.post_edit(
        tx, guild_id, channel_id, key, _REVEAL, f"{key}:over", None, after_seconds=over
    )


_REVEAL = "raffle.reveal"


def channel_of(tx: Connection, draw: Draw) -> int:
    """Where a draw's next post goes: the setting may have changed since the freeze."""
    return setting(tx, draw.guild_id, CHANNEL) or draw.channel_id


def drawn(tx: Connection, config: Config, period: Period, draw: Draw, pick: Pick) -> None:
    """The winner's post, and a direct message after the animation."""
    post_winner(tx, config, period, draw, pick)
    outbox.post_to_user(
        tx,
        period.guild_id,
        pick.discord_id or 0,
        "raffle.won",
        message_key(pick),
        {
            **_of_winner(tx, config, period, draw, pick),
            "server": list_names(tx).get(period.guild_id, ""),
        },
        if_possible=True,
        after_seconds=ROLLS * ROLL_SECONDS,
    )


def post_winner(tx: Connection, config: Config, period: Period, draw: Draw, pick: Pick) -> None:
    """The winner's post, in the pick's channel."""
    payload = _of_winner(tx, config, period, draw, pick)
    outbox.post_to_channel(
        tx, period.guild_id, pick.channel_id or 0, "raffle.winner", post_key(pick), payload
    )


def changed(tx: Connection, config: Config, period: Period, draw: Draw, pick: Pick) -> None:
    """Update the winner's post: the state of the prize, and the time to claim."""
    payload = _of_winner(tx, config, period, draw, pick)
    outbox.post_edit(
        tx,
        period.guild_id,
        pick.channel_id or draw.channel_id,
        post_key(pick),
        "raffle.winner",
        edit_key(pick),
        payload,
    )


def unreachable(tx: Connection, period: Period, pick: Pick) -> None:
    """Tell the admins that neither the post nor a direct message reached the winner."""
    payload = {**_about(period), "name": pick.name, "channel_id": str(pick.channel_id)}
    key = f"raffle.unreachable:{pick.period}:{pick.k}:{pick.posts}"
    tell_admins(tx, period.guild_id, "raffle.unreachable", key, payload)


def skipped(tx: Connection, period: Period, draw: Draw, pick: Pick) -> None:
    """Somebody was drawn who cannot win."""
    payload = {**_about(period), "k": pick.k, "pseudonym": pick.pseudonym, "reason": pick.reason}
    key, channel_id = f"raffle.skipped:{period.number}:{pick.k}", channel_of(tx, draw)
    outbox.post_to_channel(tx, period.guild_id, channel_id, "raffle.skipped", key, payload)


def nobody(tx: Connection, config: Config, period: Period, draw: Draw) -> None:
    """There is no entrant left who could win."""
    payload = {**_about(period), "page": config.page_of(period.public_id)}
    key, channel_id = f"raffle.nobody:{period.number}", channel_of(tx, draw)
    outbox.post_to_channel(tx, period.guild_id, channel_id, "raffle.nobody", key, payload)


def post_key(pick: Pick) -> str:
    """The outbox key of the winner's newest post."""
    key = f"raffle.winner:{pick.period}:{pick.k}"
    return key if pick.posts == 1 else f"{key}:post:{pick.posts}"


def edit_key(pick: Pick) -> str:
    """The outbox key of the edit that shows the winner's current state."""
    key = f"{post_key(pick)}:{pick.state}"
    if pick.state == "drawn" and pick.expires_at is not None:
        return f"{key}:{pick.expires_at.isoformat()}"
    return key


def message_key(pick: Pick) -> str:
    """The outbox key of the winner's direct message."""
    return f"raffle.won:{pick.period}:{pick.k}"


def _about(period: Period) -> dict[str, Any]:
    return {"number": period.number, "prize": period.prize}


def _of_winner(
    tx: Connection, config: Config, period: Period, draw: Draw, pick: Pick
) -> dict[str, Any]:
    return {
        **_about(period),
        "guild_id": str(period.guild_id),
        "page": config.page_of(period.public_id),
        "k": pick.k,
        "pseudonym": pick.pseudonym,
        "claimant": pick.claimant,
        "state": pick.state,
        "reason": pick.reason,
        "name": pick.name,
        "discord_id": str(pick.discord_id),
        "tickets": find_tickets_of_line(tx, pick.guild_id, pick.period, pick.pseudonym),
        "total": draw.tickets,
        "entrants": draw.entrants,
        "expires_at": pick.expires_at.isoformat() if pick.expires_at else None,
        "with_beacon": draw.randomness is not None and draw.is_public,
    }
