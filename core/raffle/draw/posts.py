"""The draw's messages in Discord, and whether they arrived. Each winner has one message, which is
edited."""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from sqlalchemy import select

from core.guilds.actions import audit, load_settings, name_of
from core.guilds.channels import alert_admins
from core.kit.database.records import ChannelId
from core.kit.database.work import Work
from core.kit.discord.rest import posted_at
from core.outbox import actions as outbox
from core.outbox.records import Outgoing
from core.people.names import public_name
from core.raffle import store as raffles
from core.raffle.actions import message_key, plan_payload
from core.raffle.draw.frozen import FrozenRaffle
from core.raffle.draw.store import find_tickets_of_line
from core.raffle.draw_records import Draw, Pick
from core.raffle.records import Announcement
from core.raffle.rules import DETECTION_DELAY, MAX_POSTS, REPEATED_POSTS, RaffleSettings

ROLLS = 3
ROLL_SECONDS = 1.5
ROLL_NAMES = 4
NAMES = ROLLS * ROLL_NAMES
"""Pseudonyms shown by the animation, regardless of who wins."""

_REVEAL = "raffle.reveal"

_FREEZE_MARK = re.compile("#freeze-[0-9]+-([0-9a-f]{64})$")
"""The end of the URL in a post with a frozen list."""


# -- about the draw -------------------------------------------------------------------------------


def channel_of(raffle: FrozenRaffle) -> ChannelId:
    """The channel of the next post: the setting may have changed since the freeze."""
    return ChannelId(load_settings(raffle.work, RaffleSettings).channel or raffle.draw.channel_id)


def announce_draw(raffle: FrozenRaffle, kind: str, *key: object, **details: Any) -> None:
    """Post a message about the draw, once per key."""
    _post(raffle, channel_of(raffle), kind, message_key(kind, raffle.number, *key), details)


def announce_freeze(raffle: FrozenRaffle, earlier: Sequence[Announcement]) -> None:
    """Post the list's hash and the round, before the round is published. There are `earlier`
    freezes only if the database was modified."""
    draw, before = raffle.draw, raffle.previous
    shown = ("entrants", "tickets", "left_out", "round", "is_public", "claim_minutes")
    announce_draw(
        raffle,
        "raffle.frozen",
        draw.snapshot_hash,
        **{name: getattr(draw, name) for name in shown},
        hash=draw.snapshot_hash,
        freeze_number=1 + (before.number if before else 0),
        previous=before.snapshot_hash if before else None,
        round_at=draw.round_at.isoformat() if draw.round_at else None,
        frozen_at=draw.frozen_at.isoformat(),
        plan=plan_payload(raffle.plan),
        earlier=[freeze.at.isoformat() for freeze in earlier],
    )


def freeze_key(freeze: Draw | Announcement) -> str:
    """The key of the post with a frozen list's hash; keys of repeated posts begin with it."""
    return message_key("raffle.frozen", freeze.period, freeze.snapshot_hash)


def find_freeze_post(work: Work, freeze: Draw | Announcement) -> Outgoing | None:
    """The first delivered post, or else the newest."""
    key = freeze_key(freeze)
    posted = select(Outgoing).where(
        Outgoing.key.in_([key, *(f"{key}:{again}" for again in REPEATED_POSTS)])
    )
    found = work.scalars(posted.order_by(Outgoing.id)).all()
    delivered = (message for message in found if "message_id" in (message.receipt or {}))
    return next(delivered, found[-1] if found else None)


def is_freeze_posted(raffle: FrozenRaffle) -> bool:
    """Whether the list's hash was posted in Discord. Nothing is drawn before that."""
    post = find_freeze_post(raffle.work, raffle.draw)
    return post is not None and "message_id" in (post.receipt or {})


def post_freeze_again(raffle: FrozenRaffle) -> None:
    """If Discord refused the post, notify the admins and repeat it in the channel that they
    choose."""
    post = find_freeze_post(raffle.work, raffle.draw)
    if post is None:
        announce_freeze(raffle, raffles.list_freezes(raffle.work, raffle.number)[:-1])
        return
    if post.state != "dead":
        return
    channel_id, again = channel_of(raffle), int(post.payload.get("again", 1)) + 1
    if channel_id == post.target.get("channel_id") or again > MAX_POSTS:
        key = message_key("raffle.undelivered", raffle.number, post.id)
        target = {"channel_id": str(post.target.get("channel_id"))}
        about = raffle.config.about(raffle.period)
        alert_admins(raffle.work, "raffle.undelivered", key, about | target)
        return
    key = f"{freeze_key(raffle.draw)}:{again}"
    _post(raffle, channel_id, "raffle.frozen", key, {**post.payload, "again": again})


def list_channels(work: Work, draw: Draw) -> list[int]:
    """The Discord channels in which a delivered list was announced; empty before that."""
    post = find_freeze_post(work, draw)
    if post is None or "message_id" not in (post.receipt or {}):
        return []
    return sorted({int(post.target["channel_id"]), draw.channel_id})


class PostedFreeze(NamedTuple):
    """A frozen list as the bot has posted it in Discord. `at` is by Discord's clock."""

    snapshot_hash: str
    at: datetime
    url: str


def read_freezes(guild_id: int, messages: Iterable[Mapping[str, Any]]) -> list[PostedFreeze]:
    """The frozen lists found in the bot's messages, given as Discord's API returns them."""
    return [
        PostedFreeze(
            marked[1],
            posted_at(int(message["id"])),
            f"https://discord.com/channels/{guild_id}/{message['channel_id']}/{message['id']}",
        )
        for message in messages
        for embed in message["embeds"]
        if (marked := _FREEZE_MARK.search(embed.get("url") or ""))
    ]


def animate(raffle: FrozenRaffle, k: int, names: Sequence[str]) -> None:
    """Show pseudonyms for a few seconds before pick k and later ones are announced."""
    shown = {"total": raffle.draw.tickets, "names": [name[:8] for name in names]}
    announce_draw(raffle, _REVEAL, k, **shown, roll=1)
    original = message_key(_REVEAL, raffle.number, k)
    for roll in range(2, ROLLS + 2):
        is_over = roll > ROLLS
        outbox.post_edit(
            raffle.work,
            channel_of(raffle),
            original,
            _REVEAL,
            f"{original}:over" if is_over else f"{original}:{roll}",
            None if is_over else {"number": raffle.number, **shown, "roll": roll},
            after_seconds=(roll - 1) * ROLL_SECONDS,
        )


# -- about a winner -------------------------------------------------------------------------------


def winner_key(pick: Pick) -> str:
    """The key of the winner's newest post."""
    again = () if pick.posts == 1 else ("post", pick.posts)
    return message_key("raffle.winner", pick.period, pick.k, *again)


def _edit_key(pick: Pick) -> str:
    """The key of the edit that shows the winner's current state."""
    key = f"{winner_key(pick)}:{pick.state}"
    if pick.state == "drawn" and pick.expires_at is not None:
        return f"{key}:{pick.expires_at.isoformat()}"
    return key


def _dm_key(pick: Pick) -> str:
    return message_key("raffle.won", pick.period, pick.k)


def announce_winner(raffle: FrozenRaffle, pick: Pick) -> None:
    """Queue the winner's post, and a direct message after the animation."""
    work, payload = raffle.work, _of_winner(raffle, pick)
    _post(raffle, pick.channel_id or 0, "raffle.winner", winner_key(pick), payload)
    outbox.post_to_user(
        work,
        pick.discord_id or 0,
        "raffle.won",
        _dm_key(pick),
        payload | {"server": name_of(work), "name": pick.name},
        if_possible=True,
        after_seconds=ROLLS * ROLL_SECONDS,
    )


def announce_end(raffle: FrozenRaffle, pick: Pick) -> None:
    """Announce that a drawn person does not get the prize. The original post is not edited."""
    key = f"{message_key('raffle.winner', pick.period, pick.k)}:over"
    _post(raffle, channel_of(raffle), "raffle.winner", key, _of_winner(raffle, pick))


def update_winner(raffle: FrozenRaffle, pick: Pick) -> None:
    """Show the state of the prize and the time to claim in the winner's post."""
    outbox.post_edit(
        raffle.work,
        pick.channel_id or raffle.draw.channel_id,
        winner_key(pick),
        "raffle.winner",
        _edit_key(pick),
        _of_winner(raffle, pick),
    )


def has_arrived(raffle: FrozenRaffle, pick: Pick) -> bool:
    """Whether the winner got a direct message or a post with the button, and it was not deleted."""
    message = outbox.find_message(raffle.work, _dm_key(pick))
    if message is not None and "message_id" in (message.receipt or {}):
        return True
    post, edit = (
        outbox.find_message(raffle.work, key) for key in (winner_key(pick), _edit_key(pick))
    )
    if pick.post_gone or _has_failed(post) or _has_failed(edit):
        return False
    if post is None:  # outbox rows are deleted with a person's data
        return pick.claimable_since is not None
    return post.state == "sent"


def find_arrival(work: Work, pick: Pick) -> datetime | None:
    """When the winner's first post or direct message reached Discord, by Discord's clock."""
    keys = [_dm_key(pick), message_key("raffle.winner", pick.period, pick.k)]
    keys += [
        message_key("raffle.winner", pick.period, pick.k, "post", n)
        for n in range(2, pick.posts + 1)
    ]
    found = work.scalars(select(Outgoing.receipt).where(Outgoing.key.in_(keys)))
    arrived = [
        posted_at(message["message_id"]) for message in found if message and "message_id" in message
    ]
    return min(arrived, default=None)


def had_full_time(raffle: FrozenRaffle, pick: Pick) -> bool:
    """Whether the winner has, or had, as much time to claim as promised, counted from the
    notification."""
    if pick.state not in ("drawn", "expired") or pick.expires_at is None:
        return True
    begun = max(
        pick.drawn_at,
        pick.claimable_since or pick.drawn_at,
        (pick.claimable_since and find_arrival(raffle.work, pick)) or pick.drawn_at,
    )
    is_over_too_soon = pick.state == "expired" and (
        pick.claimable_since is None
        or pick.claimable_at is None
        or pick.claimable_at < pick.expires_at
        or pick.expires_at > raffle.work.now + DETECTION_DELAY
    )
    return (
        not is_over_too_soon
        and pick.expires_at + DETECTION_DELAY >= begun + raffle.draw.claim_window
    )


def _has_failed(status: Outgoing | None) -> bool:
    return status is not None and (status.state == "dead" or "skipped" in (status.receipt or {}))


def post_again(raffle: FrozenRaffle, pick: Pick) -> bool:
    """Post the winner again if that may help; returns False if nothing is pending and nothing more
    can be sent."""
    sent = [outbox.find_message(raffle.work, key) for key in (_dm_key(pick), winner_key(pick))]
    if any(message is not None and message.state in ("waiting", "sending") for message in sent):
        return True
    work, channel_id = raffle.work, channel_of(raffle)
    may_repeat = pick.post_gone and pick.posts < MAX_POSTS
    if channel_id == pick.channel_id and not may_repeat:
        return False
    outbox.withdraw(work, [winner_key(pick), _edit_key(pick)])
    pick.posts += 1
    pick.post_gone, pick.channel_id = False, channel_id
    _post(raffle, channel_id, "raffle.winner", winner_key(pick), _of_winner(raffle, pick))
    audit(work, "raffle.post_again", f"#{pick.period}.{pick.k}", after=pick.name)
    return True


def alert_unreachable(raffle: FrozenRaffle, pick: Pick) -> None:
    """Neither the post nor a direct message reached the winner."""
    payload = raffle.config.about(raffle.period)
    payload |= {"name": pick.name, "channel_id": str(pick.channel_id)}
    key = message_key("raffle.unreachable", pick.period, pick.k, pick.posts)
    alert_admins(raffle.work, "raffle.unreachable", key, payload)


def _of_winner(raffle: FrozenRaffle, pick: Pick) -> dict[str, Any]:
    draw = raffle.draw
    shown = ("k", "pseudonym", "claimant", "state", "reason")
    return {
        **raffle.config.about(raffle.period),
        **{name: getattr(pick, name) for name in shown},
        "name": public_name(raffle.work, pick.viewer_id),
        "guild_id": str(raffle.work.guild_id),
        "discord_id": str(pick.discord_id),
        "tickets": find_tickets_of_line(raffle.work, pick.period, pick.pseudonym),
        "total": draw.tickets,
        "expires_at": pick.expires_at.isoformat() if pick.expires_at else None,
        "with_beacon": draw.randomness is not None and draw.is_public,
    }


def _post(
    raffle: FrozenRaffle, channel_id: int, kind: str, key: str, details: dict[str, Any]
) -> None:
    payload = raffle.config.about(raffle.period) | details
    outbox.post_to_channel(raffle.work, channel_id, kind, key, payload)
