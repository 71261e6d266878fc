"""What is kept about who had tickets, and who won."""

from typing import Any

from sqlalchemy import Connection, select

from core.kit.personal import Personal, Subject
from core.kit.work import Work
from core.raffle.draw.claims import forget_winner
from core.raffle.draw.records import Pick
from core.raffle.ledger.tables import gifts
from core.raffle.records import Entry

entries = Entry.__table__
picks = Pick.__table__


def collect(tx: Connection, subject: Subject) -> dict[str, Any]:
    """Every ticket with its cause, what was drawn and won."""
    got = select(
        entries.c.period, entries.c.at, entries.c.source, entries.c.amount, entries.c.reason
    )
    won = select(
        picks.c.period,
        picks.c.k.label("place"),
        picks.c.pseudonym,
        picks.c.state,
        picks.c.drawn_at,
        picks.c.reason,
    )
    return {
        "raffle_tickets": _rows(tx, subject, entries, got.order_by(entries.c.id)),
        "raffle_draws_with_you": _rows(tx, subject, picks, won),
        "raffle_gifted_subs": _rows(
            tx, subject, gifts, select(gifts.c.at, gifts.c.credited_in, gifts.c.tickets)
        ),
    }


def _rows(tx: Connection, subject: Subject, table: Any, wanted: Any) -> list[dict[str, Any]]:
    found = tx.execute(
        wanted.where(
            table.c.guild_id == subject.guild_id, table.c.viewer_id.in_(subject.viewer_ids)
        )
    )
    return [dict(row) for row in found.mappings()]


def forget(tx: Connection, subject: Subject) -> None:
    """Tickets stay under the pseudonym, or a draw could not be checked any more; so do exclusions.
    A winner's account is shown in the bundle no more, because it cannot be worked out any more.
    Whose account it was on Discord goes, unless a prize is still on its way to them."""
    sweep(tx, subject)


def sweep(tx: Connection, subject: Subject) -> bool:
    """The same for prizes that were on their way."""
    with Work(tx, subject.guild_id, now=subject.at) as work:
        return forget_winner(work, subject)


PERSONAL = Personal(
    tables=(
        "raffle_entries",
        "raffle_balances",
        "raffle_picks",
        "raffle_gifts",
        "raffle_reached",
    ),
    collect=collect,
    forget=forget,
    sweep=sweep,
)
