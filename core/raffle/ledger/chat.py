"""`!tickets` and `!raffle` in the stream's chat."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Connection

from core.events import ChatMessageSent
from core.guilds.actions import setting
from core.kit.words import _, plural
from core.outbox import actions as outbox
from core.people import actions as people
from core.raffle import store as raffle
from core.raffle.current import find_shown
from core.raffle.ledger import earning, reading, rules
from core.raffle.ledger.settings import PER_GIFT, PER_HOUR


def tell_tickets(tx: Connection, message: ChatMessageSent, _argument: str) -> None:
    """A viewer asks how many tickets they have, in the raffle that runs, or else in the last one
    until it is over. Silent where there is none."""
    period = find_shown(tx, message.guild_id, message.at)
    if period is None or period.starts_at > message.at or period.state == "closed":
        return
    viewer_id = people.meet_sender(tx, message)
    own = reading.get_own(tx, message.guild_id, period.number, viewer_id, message.at)
    more = earning.until_next(tx, period, viewer_id, message.at) if own.linked else None
    payload = {
        "tickets": own.tickets,
        "linked": own.linked,
        "rank": own.rank,
        "viewers": own.pool.viewers,
        "all": own.pool.tickets,
        "seconds": more.total_seconds() if more else None,
        "locked": period.frozen_at is not None,
    }
    outbox.post_reply(tx, message, "raffle.tickets", payload, once_a_minute=str(viewer_id))


def tell_raffle(tx: Connection, message: ChatMessageSent, _argument: str) -> None:
    """Somebody asks what runs: said once a minute for all."""
    guild_id = message.guild_id
    period = raffle.find_open(tx, guild_id, message.at)
    if period is None:
        return
    payload = {
        "number": period.number,
        "prize": period.prize,
        "left": (period.ends_at - message.at).total_seconds(),
        "per_gift": setting(tx, guild_id, PER_GIFT),
        "per_hour": setting(tx, guild_id, PER_HOUR),
    }
    outbox.post_reply(tx, message, "raffle.told", payload, once_a_minute="all")


# -- the lines ----------------------------------------------------------------------------------


def tickets_line(payload: Mapping[str, Any]) -> str:
    """How many tickets somebody has."""
    count = plural("{count} ticket", "{count} tickets", payload["tickets"])
    locked = payload.get("locked", False)
    if not payload["linked"] and not locked:
        if payload["tickets"] == 0:
            words = _("@{viewer} Link your Kick account in Discord with /link to take part.")
        else:
            words = _("@{viewer} {tickets} wait for you: link in Discord with /link.")
        return words.format(viewer=payload["viewer"], tickets=count)
    parts = [f"@{payload['viewer']} {count}"]
    if payload["rank"] is not None:
        parts.append(
            _("rank {rank} of {viewers}, chance {chance}").format(
                rank=f"{payload['rank']:,}",
                viewers=f"{payload['viewers']:,}",
                chance=rules.chance_words(payload["tickets"], payload["all"]),
            )
        )
    elif locked and payload["tickets"]:
        parts.append(_("not in this draw"))
    if locked:
        parts.append(_("tickets are locked"))
    if payload["seconds"] is not None:
        left = _long(payload["seconds"])
        parts.append(_("next one in {time}").format(time=left))
    return " · ".join(parts)


def raffle_line(payload: Mapping[str, Any]) -> str:
    """What runs, until when, and how one earns."""
    parts = [_("Raffle #{number}").format(number=payload["number"])]
    if payload["prize"]:
        parts.append(_("win {prize}").format(prize=" ".join(payload["prize"].split())[:150]))
    parts.append(_("ends in {time}").format(time=_long(payload["left"])))
    if payload["per_gift"]:
        parts.append(_("{tickets} for a gifted sub").format(tickets=f"{payload['per_gift']:,}"))
    if payload["per_hour"]:
        parts.append(_("{tickets} for an hour watched").format(tickets=f"{payload['per_hour']:,}"))
    return " · ".join(parts)


def _long(seconds: float) -> str:
    """In the largest unit that says enough, rounded up."""
    minutes = max(1, -int(-seconds // 60))
    if minutes < 120:
        return plural("{count} minute", "{count} minutes", minutes)
    if minutes < 48 * 60:
        return plural("{count} hour", "{count} hours", -(-minutes // 60))
    return plural("{count} day", "{count} days", -(-minutes // 1440))
