"""What a draw tells the outside: always through the outbox, in the transaction of its cause.

A winner's message is one message from the drum roll to "delivered": posted once, then edited.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Connection

from core.guilds.store import list_names
from core.outbox import actions as outbox
from core.raffle.draw.store import Draw, Pick
from core.raffle.means import Means
from core.raffle.store import Period

MOST_ROLLS = 5
"""So many winners of one draw get a drum roll; more of them would only be in the way."""

ROLLS = 3
ROLL_SECONDS = 1.5
ROLL_NAMES = 4
NAMES = ROLLS * ROLL_NAMES
"""So many pseudonyms roll by; they say nothing about who wins."""


def frozen(tx: Connection, means: Means, period: Period, draw: Draw) -> None:
    """The hash of the list and the round, before the round is made."""
    payload = {
        **_about(period),
        "page": means.page_of(period.public_id),
        "entrants": draw.entrants,
        "tickets": draw.tickets,
        "left_out": draw.left_out,
        "hash": draw.snapshot_hash,
        "round": draw.round,
        "round_at": draw.round_at.isoformat() if draw.round_at else None,
        "is_public": draw.is_public,
        "claim_minutes": draw.claim_minutes,
        "by": draw.frozen_by,
    }
    key = frozen_key(period.number)
    outbox.post_to_channel(tx, period.guild_id, draw.channel_id, "raffle.frozen", key, payload)


def frozen_key(number: int) -> str:
    """Under which the announcement lies in the outbox."""
    return f"raffle.frozen:{number}"


def given_up(tx: Connection, means: Means, period: Period, draw: Draw) -> None:
    """An admin does without the round that was promised."""
    payload = {
        **_about(period),
        "page": means.page_of(period.public_id),
        "round": draw.round,
        "round_at": draw.round_at.isoformat() if draw.round_at else None,
    }
    key = f"raffle.given_up:{period.number}"
    outbox.post_to_channel(tx, period.guild_id, draw.channel_id, "raffle.given_up", key, payload)


def drawn(
    tx: Connection,
    means: Means,
    period: Period,
    draw: Draw,
    pick: Pick,
    tickets: int,
    place: int,
    names: Sequence[str],
) -> None:
    """A drum roll with these pseudonyms, then the winner, who is called: in the channel, and by a
    direct message. `place` counts those of the same draw, from 0."""
    payload = _of_winner(means, period, draw, pick) | {"tickets": tickets}
    key, guild_id, channel_id = _key(pick), period.guild_id, draw.channel_id
    revealed_after = (place + 1) * ROLLS * ROLL_SECONDS
    if place >= MOST_ROLLS:
        revealed_after = 0
        outbox.post_to_channel(tx, guild_id, channel_id, "raffle.winner", key, payload)
    else:
        rolling = {**payload, "state": "rolling", "names": [name[:8] for name in names]}
        first = {**rolling, "roll": 1}
        outbox.post_to_channel(tx, guild_id, channel_id, "raffle.winner", key, first)
        _roll(tx, draw, key, rolling, payload, place)
    outbox.post_to_channel(tx, guild_id, channel_id, "raffle.called", called_key(pick), payload)
    outbox.post_to_user(
        tx,
        guild_id,
        pick.discord_id or 0,
        "raffle.won",
        f"raffle.won:{period.number}:{pick.k}",
        {**payload, "server": list_names(tx).get(guild_id, "")},
        if_possible=True,
        after_seconds=revealed_after,
    )


def _roll(
    tx: Connection,
    draw: Draw,
    key: str,
    rolling: dict[str, Any],
    final: dict[str, Any],
    place: int,
) -> None:
    start = place * ROLLS * ROLL_SECONDS
    for turn in range(2, ROLLS + 2):
        last = turn == ROLLS + 1
        outbox.post_edit(
            tx,
            draw.guild_id,
            draw.channel_id,
            key,
            "raffle.winner",
            f"{key}:drawn" if last else f"{key}:roll:{turn}",
            final if last else {**rolling, "roll": turn},
            after_seconds=start + (turn - 1) * ROLL_SECONDS,
        )


def changed(tx: Connection, means: Means, period: Period, draw: Draw, pick: Pick) -> None:
    """The winner's message shows what became of the prize; who has more time is called again."""
    payload = _of_winner(means, period, draw, pick)
    key = f"{_key(pick)}:{pick.state}"
    if pick.state == "drawn":
        key += f":{payload['expires_at']}"
        called = f"{called_key(pick)}:{payload['expires_at']}"
        outbox.post_to_channel(
            tx, period.guild_id, draw.channel_id, "raffle.called", called, payload
        )
    outbox.post_edit(
        tx, period.guild_id, draw.channel_id, _key(pick), "raffle.winner", key, payload
    )


def skipped(tx: Connection, period: Period, draw: Draw, pick: Pick) -> None:
    """Somebody was drawn who does not win, and why."""
    payload = {**_about(period), "k": pick.k, "pseudonym": pick.pseudonym, "reason": pick.reason}
    key = f"raffle.skipped:{period.number}:{pick.k}"
    outbox.post_to_channel(tx, period.guild_id, draw.channel_id, "raffle.skipped", key, payload)


def nobody(tx: Connection, means: Means, period: Period, draw: Draw) -> None:
    """Nobody is left who could win."""
    payload = {**_about(period), "page": means.page_of(period.public_id)}
    key = f"raffle.nobody:{period.number}"
    outbox.post_to_channel(tx, period.guild_id, draw.channel_id, "raffle.nobody", key, payload)


def called_key(pick: Pick) -> str:
    """Under which the winner's call lies in the outbox."""
    return f"raffle.called:{pick.period}:{pick.k}"


def _key(pick: Pick) -> str:
    return f"raffle.winner:{pick.period}:{pick.k}"


def _about(period: Period) -> dict[str, Any]:
    return {"number": period.number, "prize": period.prize}


def _of_winner(means: Means, period: Period, draw: Draw, pick: Pick) -> dict[str, Any]:
    return {
        **_about(period),
        "guild_id": str(period.guild_id),
        "page": means.page_of(period.public_id),
        "k": pick.k,
        "state": pick.state,
        "name": pick.name,
        "discord_id": str(pick.discord_id),
        "tickets": None,
        "total": draw.tickets,
        "entrants": draw.entrants,
        "expires_at": pick.expires_at.isoformat() if pick.expires_at else None,
        "with_beacon": draw.randomness is not None and draw.is_public,
    }
