"""Gifts that Kick seems to have told twice: as a gift, and as a subscription of the receiver's own.

What was set aside before it counted can be credited after all; what had counted by then can be
taken back. Those of one drop are decided together, under the number that `/missed` shows.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from core.events import SubscriptionStarted, SupportRevoked
from core.events.base import from_json
from core.guilds import store as guild_store
from core.inbox import actions as inbox
from core.kick.bodies import PLATFORM
from core.kick.intake import echo_store
from core.kick.intake.echo_store import Echo
from core.kick.intake.rules import Settled
from core.kick.misses import actions, credit, store
from core.kit.errors import Refusal
from core.kit.words import _


@dataclass(frozen=True, slots=True)
class Doubt:
    """The echoes of one drop, all of them counted or none."""

    number: int
    echoes: tuple[Echo, ...]

    @property
    def first(self) -> Echo:
        """What all of them share can be read from it."""
        return self.echoes[0]


def list_doubts(tx: Connection, guild_id: int) -> list[Doubt]:
    """What nobody has decided about, by number."""
    store.lock(tx, guild_id)
    echo_store.set_numbers(tx, guild_id)
    doubts: dict[int, list[Echo]] = {}
    for echo in echo_store.list_echoes(tx, guild_id):
        doubts.setdefault(echo.number or 0, []).append(echo)
    return [Doubt(number, tuple(echoes)) for number, echoes in doubts.items()]


def is_doubt(tx: Connection, guild_id: int, number: int) -> bool:
    """Whether this is the number of echoes, whatever became of them."""
    return bool(echo_store.list_numbered(tx, guild_id, number))


def decide(
    tx: Connection, guild_id: int, number: int, state: Settled, actor: int, now: datetime
) -> Doubt:
    """Count them after all, take back that they counted, or leave it as it is; once.

    Raises:
        Refusal: there are none of this number, they are settled, or this cannot be done with them.
    """
    store.lock(tx, guild_id)
    doubt = _get(tx, guild_id, number)
    _check(doubt, state)
    echo_store.set_settled(tx, guild_id, number, state, actor, now)
    for echo in doubt.echoes:
        _have_effect(tx, echo, state, now)
    verb = {"credited": "credit", "taken_back": "take_back", "dismissed": "dismiss"}[state]
    guild_store.post_audit(
        tx,
        guild_id,
        actor,
        f"kick.missed.{verb}",
        target=str(number),
        after=len(doubt.echoes),
    )
    return doubt


def _get(tx: Connection, guild_id: int, number: int) -> Doubt:
    known = echo_store.list_numbered(tx, guild_id, number)
    still_open = tuple(echo for echo in known if echo.state == "open")
    if still_open:
        return Doubt(number, still_open)
    look = _("`/missed list` shows what is open.")
    words = {
        "credited": _("Number {number} has been credited already."),
        "taken_back": _("Number {number} has been taken back already."),
        "dismissed": _("Number {number} has been dismissed already."),
    }
    what = words.get(known[0].state if known else "", _("There is nothing with number {number}."))
    raise Refusal(what.format(number=number), look)


def _check(doubt: Doubt, state: Settled) -> None:
    number = doubt.number
    if state == "credited" and doubt.first.counted:
        raise Refusal(
            _("Number {number} has counted already.").format(number=number),
            _(
                "`/missed undo {number}` takes it back, `/missed dismiss {number}` leaves it."
            ).format(number=number),
        )
    if state == "taken_back" and not doubt.first.counted:
        raise Refusal(
            _("Number {number} has not counted, so nothing can be taken back.").format(
                number=number
            ),
            _("`/missed dismiss {number}` takes it off the list.").format(number=number),
        )


def _have_effect(tx: Connection, echo: Echo, state: Settled, now: datetime) -> None:
    event = from_json(SubscriptionStarted, echo.payload)
    assert isinstance(event, SubscriptionStarted), "nothing else is an echo"
    if state == "credited":
        credit.count_event(tx, credit.BY_ADMIN, f"echo|{event.key}", event, event.channel_id, now)
    elif state == "taken_back":
        inbox.publish(
            tx,
            SupportRevoked(
                key=f"{echo.event}|{echo.key}",
                guild_id=echo.guild_id,
                at=now,
                platform=PLATFORM,
                channel_id=event.channel_id,
                event=echo.event,
                of=echo.key,
            ),
        )


def subscriber_of(echo: Echo) -> str:
    """The name of whose subscription it is."""
    return str(echo.payload["subscriber"]["name"])


# -- the list, with what is missing -------------------------------------------------------------


def listing(tx: Connection, guild_id: int, now: datetime) -> dict[str, Any]:
    """Everything that an admin can decide about, by number: what messages about it are made of."""
    misses = actions.payload(actions.list_misses(tx, guild_id, now))
    doubts = list_doubts(tx, guild_id)
    rows = [*misses["misses"], *map(_row, doubts)]
    rows.sort(key=lambda row: row["number"])
    return {"misses": rows[: actions.SHOWN], "count": misses["count"] + len(doubts)}


def _row(doubt: Doubt) -> dict[str, Any]:
    return {
        "number": doubt.number,
        "kind": "counted_echo" if doubt.first.counted else "echo",
        "giver": doubt.first.giver,
        "receivers": [subscriber_of(echo) for echo in doubt.echoes][: actions.SHOWN],
        "count": len(doubt.echoes),
        "at": doubt.first.at.isoformat(),
    }
