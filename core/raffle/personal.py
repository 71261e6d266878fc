"""What is kept about viewers who had tickets, and who won."""

from typing import Any

from sqlalchemy import Connection, select

from core.kit.personal import Personal, Subject
from core.kit.privacy import personal_data
from core.kit.work import Work
from core.raffle.draw.claims import forget_winner
from core.raffle.draw.records import Pick
from core.raffle.records import Balance, Entry, Gift, SourceTotal

_TICKETS = personal_data(Entry, Balance, SourceTotal, Gift)
_WINS = select(
    Pick.period, Pick.k.label("place"), Pick.pseudonym, Pick.state, Pick.drawn_at, Pick.reason
)


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Every ticket with its cause, what was drawn and won."""
    viewer_ids, guild_id = subject.viewer_ids, subject.guild_id
    won = _WINS.where(Pick.guild_id == guild_id, Pick.viewer_id.in_(viewer_ids))
    return {
        **_TICKETS.collect(tx, subject),
        "raffle_draws_with_you": [dict(row) for row in tx.execute(won).mappings()],
    }


def forget(tx: Connection, subject: Subject) -> None:
    """Tickets stay under the pseudonym, or nobody could verify a draw; so do exclusions. The public
    data of a draw no longer names a winner's account. Whose account it was on Discord is removed,
    unless a prize is still to be claimed or delivered."""
    sweep(tx, subject)


def sweep(tx: Connection, subject: Subject) -> bool:
    """The same for prizes that were still to be claimed or delivered."""
    with Work(tx, subject.guild_id, now=subject.at) as work:
        return forget_winner(work, subject)


PERSONAL = Personal(
    tables=(*_TICKETS.tables, "raffle_picks"),
    collect=collect,
    forget=forget,
    sweep=sweep,
)
