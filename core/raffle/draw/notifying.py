"""Whether a winner can claim: there is a post or a direct message with the button."""

from sqlalchemy import Connection

from core.guilds.store import post_audit
from core.outbox import actions as outbox
from core.outbox.store import MessageStatus, find_status
from core.raffle.config import Config
from core.raffle.draw import announcing, store
from core.raffle.draw.picking import AUTOMATIC
from core.raffle.draw.store import Draw, Pick
from core.raffle.records import Period

MOST_POSTS = 3
"""How often a winner is posted in one channel: somebody may delete the post on purpose."""


def is_notified(tx: Connection, pick: Pick) -> bool:
    """Whether the direct message or the post arrived, and the post was not deleted."""
    message = find_status(tx, pick.guild_id, announcing.message_key(pick))
    if message is not None and "message_id" in (message.receipt or {}):
        return True
    post = find_status(tx, pick.guild_id, announcing.post_key(pick))
    edit = find_status(tx, pick.guild_id, announcing.edit_key(pick))
    if pick.post_gone or _has_failed(post) or _has_failed(edit):
        return False
    if post is None:  # outbox rows are deleted with a person's data
        return pick.claimable_since is not None
    return post.state == "sent"


def _has_failed(fate: MessageStatus | None) -> bool:
    return fate is not None and (fate.state == "dead" or "skipped" in (fate.receipt or {}))


def notify_again(tx: Connection, config: Config, period: Period, draw: Draw, pick: Pick) -> bool:
    """Post again if that may help; False if nothing is pending and nothing more can be sent. Hold
    the period's lock."""
    if _is_pending(tx, pick):
        return True
    channel_id = announcing.channel_of(tx, draw)
    deleted = pick.post_gone and pick.posts < MOST_POSTS
    if channel_id == pick.channel_id and not deleted:
        return False
    outbox.withdraw(tx, pick.guild_id, [announcing.post_key(pick), announcing.edit_key(pick)])
    values = {"posts": pick.posts + 1, "post_gone": False, "channel_id": channel_id}
    store.set_pick(tx, pick, "drawn", "drawn", **values)
    again = store.find_pick(tx, pick.guild_id, pick.period, pick.k)
    assert again is not None, "it is locked"
    announcing.post_winner(tx, config, period, draw, again)
    target = f"#{pick.period}.{pick.k}"
    post_audit(tx, pick.guild_id, AUTOMATIC, "raffle.post_again", target, after=pick.name)
    return True


def _is_pending(tx: Connection, pick: Pick) -> bool:
    keys = (announcing.message_key(pick), announcing.post_key(pick))
    fates = [find_status(tx, pick.guild_id, key) for key in keys]
    return any(fate is not None and fate.state in ("waiting", "sending") for fate in fates)
