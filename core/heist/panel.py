"""The message in Discord that shows a heist."""

from typing import Any

from sqlalchemy import select

from core.draws import rolls, snapshot
from core.guilds.chat_commands import names_of
from core.heist import store
from core.heist.records import Heist, Player
from core.heist.rules import JOIN_NAMES
from core.heist.tiers import tiers_of
from core.kit.database.personal import Subject
from core.kit.database.work import Lock, Work
from core.outbox import actions as outbox
from core.people.names import public_names
from core.points.providers import currency_of

KIND = "heist.message"

MAX_ROWS = 15
"""Players in the message."""


def post_message(work: Work, heist: Heist) -> None:
    """Post it."""
    outbox.post_live(work, heist, KIND, lambda: _payload(work, heist))


def refresh_message(work: Work, heist: Heist) -> None:
    """Update the message."""
    outbox.edit_live(work, heist, KIND, lambda: _payload(work, heist))


def _payload(work: Work, heist: Heist) -> dict[str, Any]:
    work.flush()
    players, staked = store.count_crew(work, heist.number)
    theirs = select(Player).where(Player.heist == heist.number, store.IN_CREW)
    if heist.is_decided:
        theirs = theirs.order_by((Player.payout - Player.stake).desc(), Player.viewer_id)
    else:
        theirs = theirs.order_by(Player.joined_at.desc(), Player.viewer_id)
    shown = work.scalars(theirs.limit(MAX_ROWS)).all()
    settings, tiers = heist.settings, tiers_of(work, shown)
    names = public_names(work, [heist.viewer_id, *(player.viewer_id for player in shown)])
    return {
        "heist": heist.number,
        "state": heist.state,
        "end": heist.end,
        "viewer": names[heist.viewer_id],
        "closes_at": heist.closes_at.isoformat(),
        "ready_at": heist.ready_at.isoformat() if heist.ready_at else None,
        "command": names_of(work, JOIN_NAMES)[0],
        "min": settings.min_bet,
        "max": settings.max_bet,
        "players": players,
        "staked": staked,
        "won": heist.won,
        "paid": heist.paid,
        **currency_of(work),
        "commitment": heist.commitment,
        "hash": heist.snapshot_hash,
        "round": heist.round,
        "round_at": heist.round_at.isoformat() if heist.round_at else None,
        "is_public": snapshot.is_public(
            heist.chain, heist.round, heist.frozen_at, rolls.ROUND_DELAY
        ),
        "rows": [
            {
                "viewer": names[player.viewer_id],
                "stake": player.stake,
                "risk": settings.risk_name(player.risk),
                "tier": tiers[player.viewer_id],
                "bonus": settings.bonus(tiers[player.viewer_id]),
                "won": player.won,
                "payout": player.payout,
            }
            for player in shown
        ],
    }


def forget(work: Work, subject: Subject) -> None:
    """Update the messages that name the person."""
    work.lock(Lock.HEIST)
    joined = select(Player.heist).where(Player.viewer_id.in_(subject.viewer_ids))
    named = Heist.number.in_(joined) | Heist.viewer_id.in_(subject.viewer_ids)
    for heist in work.scalars(select(Heist).where(named)).all():
        if heist.channel_id and not outbox.is_deleted(work, heist):
            refresh_message(work, heist)
