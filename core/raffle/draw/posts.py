"""The draw's messages in Discord: what they say, their keys in the outbox, whether they arrived.

Each winner has one post in the channel, which mentions them and is edited when something changes.
Before the first winner, a short animation is posted and deleted.
"""

from collections.abc import Sequence
from typing import Any

from core.guilds.actions import audit, load_settings
from core.guilds.channels import tell_admins
from core.guilds.store import list_names
from core.kit.records import ChannelId
from core.kit.work import Work
from core.outbox import actions as outbox
from core.outbox.store import MessageStatus, find_status
from core.raffle.actions import plan_payload
from core.raffle.config import Config
from core.raffle.draw.records import Draw, Pick
from core.raffle.draw.store import find_tickets_of_line
from core.raffle.records import Announcement, Period
from core.raffle.rules import RaffleSettings

ROLLS = 3
ROLL_SECONDS = 1.5
ROLL_NAMES = 4
NAMES = ROLLS * ROLL_NAMES
"""How many pseudonyms the animation shows; they have nothing to do with who wins."""

MOST_POSTS = 3
"""How often a winner is posted in one channel: somebody may delete the post on purpose."""


# -- keys in the outbox ---------------------------------------------------------------------------


def frozen_key(number: int, snapshot_hash: str) -> str:
    """Of the announcement of a freeze: another list is another announcement."""
    return f"raffle.frozen:{number}:{snapshot_hash}"


def winner_key(pick: Pick) -> str:
    """Of the winner's newest post."""
    key = f"raffle.winner:{pick.period}:{pick.k}"
    return key if pick.posts == 1 else f"{key}:post:{pick.posts}"


def _edit_key(pick: Pick) -> str:
    """Of the edit that shows the winner's current state."""
    key = f"{winner_key(pick)}:{pick.state}"
    if pick.state == "drawn" and pick.expires_at is not None:
        return f"{key}:{pick.expires_at.isoformat()}"
    return key


def _dm_key(pick: Pick) -> str:
    return f"raffle.won:{pick.period}:{pick.k}"


# -- about the draw -------------------------------------------------------------------------------


def channel_of(work: Work, draw: Draw) -> int:
    """Where a draw's next post goes: the setting may have changed since the freeze."""
    return load_settings(work, RaffleSettings).channel or draw.channel_id


def announce_plan(work: Work, config: Config, period: Period, plan: Announcement) -> None:
    """The planned freeze changed, so another round is expected."""
    channel_id = load_settings(work, RaffleSettings).channel
    if channel_id:
        key = f"raffle.planned:{period.number}:{plan.at.isoformat()}"
        payload = _about(config, period) | plan_payload(plan)
        _post(work, channel_id, "raffle.planned", key, payload)


def announce_freeze(
    work: Work,
    config: Config,
    period: Period,
    draw: Draw,
    plan: Announcement | None,
    earlier: Sequence[Announcement],
) -> None:
    """The hash of the list and the round, before the round is published. There are `earlier`
    freezes only if somebody changed the database."""
    payload = {
        **_about(config, period),
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
    _post(work, draw.channel_id, "raffle.frozen", key, payload)


def announce_given_up(work: Work, config: Config, period: Period, draw: Draw) -> None:
    """An admin draws without the announced round."""
    due = draw.round_at.isoformat() if draw.round_at else None
    payload = _about(config, period) | {"round": draw.round, "round_at": due}
    key = f"raffle.given_up:{period.number}"
    _post(work, channel_of(work, draw), "raffle.given_up", key, payload)


def announce_skip(work: Work, config: Config, period: Period, draw: Draw, pick: Pick) -> None:
    """Somebody was drawn who cannot win."""
    payload = {"k": pick.k, "pseudonym": pick.pseudonym, "reason": pick.reason}
    key = f"raffle.skipped:{period.number}:{pick.k}"
    _post(work, channel_of(work, draw), "raffle.skipped", key, _about(config, period) | payload)


def announce_nobody(work: Work, config: Config, period: Period, draw: Draw) -> None:
    """There is no entrant left who could win."""
    key = f"raffle.nobody:{period.number}"
    _post(work, channel_of(work, draw), "raffle.nobody", key, _about(config, period))


def animate(work: Work, period: Period, draw: Draw, k: int, names: Sequence[str]) -> None:
    """Show pseudonyms for some seconds, before pick k and the next ones are announced."""
    channel_id, key = channel_of(work, draw), f"raffle.reveal:{period.number}:{k}"
    shown = [name[:8] for name in names]
    payload = {"number": period.number, "total": draw.tickets, "names": shown}
    _post(work, channel_id, "raffle.reveal", key, payload | {"roll": 1})
    for roll in range(2, ROLLS + 2):
        is_over = roll > ROLLS
        outbox.post_edit(
            work,
            channel_id,
            key,
            "raffle.reveal",
            f"{key}:over" if is_over else f"{key}:{roll}",
            None if is_over else payload | {"roll": roll},
            after_seconds=(roll - 1) * ROLL_SECONDS,
        )


# -- about a winner -------------------------------------------------------------------------------


def announce_winner(work: Work, config: Config, period: Period, draw: Draw, pick: Pick) -> None:
    """The winner's post, and a direct message after the animation."""
    payload = _of_winner(work, config, period, draw, pick)
    _post(work, pick.channel_id or 0, "raffle.winner", winner_key(pick), payload)
    server = list_names(work.tx).get(work.guild_id, "")
    outbox.post_to_user(
        work,
        pick.discord_id or 0,
        "raffle.won",
        _dm_key(pick),
        payload | {"server": server},
        if_possible=True,
        after_seconds=ROLLS * ROLL_SECONDS,
    )


def update_winner(work: Work, config: Config, period: Period, draw: Draw, pick: Pick) -> None:
    """Show the state of the prize and the time to claim in the winner's post."""
    outbox.post_edit(
        work,
        pick.channel_id or draw.channel_id,
        winner_key(pick),
        "raffle.winner",
        _edit_key(pick),
        _of_winner(work, config, period, draw, pick),
    )


def has_arrived(work: Work, pick: Pick) -> bool:
    """Whether the winner got a direct message or a post with the button, and it was not deleted."""
    message = _find_status(work, _dm_key(pick))
    if message is not None and "message_id" in (message.receipt or {}):
        return True
    post, edit = (_find_status(work, key) for key in (winner_key(pick), _edit_key(pick)))
    if pick.post_gone or _has_failed(post) or _has_failed(edit):
        return False
    if post is None:  # outbox rows are deleted with a person's data
        return pick.claimable_since is not None
    return post.state == "sent"


def _has_failed(status: MessageStatus | None) -> bool:
    return status is not None and (status.state == "dead" or "skipped" in (status.receipt or {}))


def post_again(work: Work, config: Config, period: Period, draw: Draw, pick: Pick) -> bool:
    """Post the winner again if that may help; False if nothing is pending and nothing more can be
    sent. Hold the period's lock."""
    sent = [_find_status(work, key) for key in (_dm_key(pick), winner_key(pick))]
    if any(one is not None and one.state in ("waiting", "sending") for one in sent):
        return True
    channel_id = channel_of(work, draw)
    may_repeat = pick.post_gone and pick.posts < MOST_POSTS
    if channel_id == pick.channel_id and not may_repeat:
        return False
    outbox.withdraw(work, [winner_key(pick), _edit_key(pick)])
    pick.posts += 1
    pick.post_gone, pick.channel_id = False, ChannelId(channel_id)
    payload = _of_winner(work, config, period, draw, pick)
    _post(work, channel_id, "raffle.winner", winner_key(pick), payload)
    audit(work, "raffle.post_again", f"#{pick.period}.{pick.k}", after=pick.name)
    return True


def alert_admins(work: Work, config: Config, period: Period, pick: Pick) -> None:
    """Neither the post nor a direct message reached the winner."""
    payload = {"name": pick.name, "channel_id": str(pick.channel_id)}
    key = f"raffle.unreachable:{pick.period}:{pick.k}:{pick.posts}"
    tell_admins(work, "raffle.unreachable", key, _about(config, period) | payload)


def _of_winner(
    work: Work, config: Config, period: Period, draw: Draw, pick: Pick
) -> dict[str, Any]:
    return {
        **_about(config, period),
        "guild_id": str(period.guild_id),
        "k": pick.k,
        "pseudonym": pick.pseudonym,
        "claimant": pick.claimant,
        "state": pick.state,
        "reason": pick.reason,
        "name": pick.name,
        "discord_id": str(pick.discord_id),
        "tickets": find_tickets_of_line(work, pick.period, pick.pseudonym),
        "total": draw.tickets,
        "entrants": draw.entrants,
        "expires_at": pick.expires_at.isoformat() if pick.expires_at else None,
        "with_beacon": draw.randomness is not None and draw.is_public,
    }


def _about(config: Config, period: Period) -> dict[str, Any]:
    page = config.page_of(period.public_id)
    return {"number": period.number, "prize": period.prize, "page": page}


def _post(work: Work, channel_id: int, kind: str, key: str, payload: dict[str, Any]) -> None:
    outbox.post_to_channel(work, channel_id, kind, key, payload)


def _find_status(work: Work, key: str) -> MessageStatus | None:
    return find_status(work.tx, work.guild_id, key)
