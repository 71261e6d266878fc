"""Tickets for the best guess of a bonus hunt's balance."""

from typing import Any

from sqlalchemy import Connection

from core.events import GuessWinRevoked, GuessWon
from core.guilds.settings import ADMIN_CHANNEL
from core.raffle.feature import FEATURE
from tests.raffle.ledger.scene import MIA, choose, hear, link, rows, tickets
from tests.raffle.scene import END, MIDDLE, change_tickets, period, set_period
from tests.slot_calls.scene import posted


def won(guild_id: int, viewer_id: int, amount: int = 50, key: str = "1:1") -> GuessWon:
    named: dict[str, Any] = {"key": key, "guild_id": guild_id, "at": MIDDLE}
    return GuessWon(**named, viewer_id=viewer_id, hunt=1, tickets=amount)


def revoked(guild_id: int, key: str = "1:1") -> GuessWinRevoked:
    return GuessWinRevoked(key=key, guild_id=guild_id, at=MIDDLE, of=key)


def alerts(tx: Connection, guild_id: int) -> list[str]:
    """Messages to the admins."""
    found = posted(tx, guild_id, "raffle.hunt")
    shown = [FEATURE.embeds["raffle.hunt"](message.payload).embed for message in found]
    return [f"{embed.title} {embed.description}" for embed in shown]


def test_tickets_are_given_once_and_taken_back_once(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    hear(tx, won(guild_id, mia), won(guild_id, mia))
    assert rows(tx, guild_id, mia) == [("hunt", 50)]
    hear(tx, revoked(guild_id), revoked(guild_id), revoked(guild_id, "9:1"))
    assert rows(tx, guild_id, mia) == [("hunt", 50), ("hunt", -50)]
    hear(tx, won(guild_id, mia, 20, key="1:2"))
    assert tickets(tx, guild_id, mia) == 20
    assert alerts(tx, guild_id) == []


def test_no_tickets_are_no_entry(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    hear(tx, won(guild_id, mia, 0), revoked(guild_id))
    assert rows(tx, guild_id, mia) == []


def test_no_more_is_taken_back_than_there_is(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    hear(tx, won(guild_id, mia))
    change_tickets(tx, guild_id, "MadCats", -30, "", "cause", MIDDLE)
    hear(tx, revoked(guild_id))
    assert tickets(tx, guild_id, mia) == 0


def test_without_a_raffle_the_admins_are_told(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, ADMIN_CHANNEL, 999)
    mia = link(tx, guild_id, MIA)
    hear(tx, won(guild_id, mia), won(guild_id, mia))
    (alert,) = alerts(tx, guild_id)
    assert alert.startswith("⚠️ MadCats did not get 50 tickets for guessing")
    assert "`/rafflegive`" in alert


def test_locked_tickets_stay_and_the_admins_are_told(tx: Connection, guild_id: int) -> None:
    choose(tx, guild_id, ADMIN_CHANNEL, 999)
    period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    hear(tx, won(guild_id, mia))
    set_period(tx, guild_id, 1, state="frozen", frozen_at=END)
    hear(tx, revoked(guild_id))
    assert tickets(tx, guild_id, mia) == 50
    (alert,) = alerts(tx, guild_id)
    assert alert.startswith("⚠️ MadCats keeps 50 tickets for guessing")


def test_servers_are_apart(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    period(tx, guild_id)
    mia = link(tx, guild_id, MIA)
    hear(tx, won(guild_id, mia), revoked(other_guild_id))
    assert tickets(tx, guild_id, mia) == 50
