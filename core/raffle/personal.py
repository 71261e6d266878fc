"""What is kept about viewers who had tickets, and who won."""

from typing import Any

from sqlalchemy import Connection, select, update

from core.kit.personal import Personal, Subject
from core.kit.privacy import personal_data
from core.kit.work import Work
from core.raffle.draw.records import Pick
from core.raffle.records import Balance, Entry, Gift, SourceTotal

_TICKETS = personal_data(Entry, Balance, SourceTotal, Gift)
_WINS = select(
    Pick.period, Pick.k.label("place"), Pick.pseudonym, Pick.state, Pick.drawn_at, Pick.reason
)


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Every ticket with its cause, what was drawn and won."""
    theirs = (Pick.guild_id == subject.guild_id, Pick.viewer_id.in_(subject.viewer_ids))
    won = tx.execute(_WINS.where(*theirs)).mappings()
    return _TICKETS.collect(tx, subject) | {"raffle_draws_with_you": [dict(row) for row in won]}


def forget(tx: Connection, subject: Subject) -> bool:
    """Tickets stay under the pseudonym, or nobody could verify a draw. Which member had won is
    removed once the prize is delivered; True if that is still to come."""
    theirs = (Pick.discord_id == subject.discord_id, Pick.drawn_at < subject.swept_before)
    over = Pick.state.not_in(("drawn", "claimed"))
    with Work(tx, subject.guild_id, now=subject.at) as work:
        work.execute(update(Pick).where(*theirs, over).values(discord_id=None))
        return work.exists(*theirs)


PERSONAL = Personal((*_TICKETS.tables, "raffle_picks"), collect, forget, sweep=forget)
