"""`!tickets` and `!raffle` in the stream's chat."""

from datetime import timedelta

from sqlalchemy import Connection

from core.events import ChatMessageSent, Sender
from core.inbox.handlers import collect
from core.raffle.feature import FEATURE
from core.raffle.ledger import messages
from tests.raffle.ledger.scene import HOUR, LEO, MIA, NAMES, gives, link, watches
from tests.raffle.scene import END, MIDDLE, credit, period
from tests.slot_calls.scene import posted

LINES = {"raffle.tickets": messages.tickets_line, "raffle.info": messages.raffle_line}


def says(
    tx: Connection, guild_id: int, user_id: int, line: str, after: timedelta = HOUR
) -> list[str]:
    """All replies of the bot so far."""
    at = MIDDLE + after
    message = ChatMessageSent(
        key=f"{user_id}{line}{at}",
        guild_id=guild_id,
        at=at,
        platform="kick",
        channel_id=41,
        message_id=f"{user_id}{line}{at}",
        sender=Sender(user_id=user_id, name=NAMES[user_id]),
        text=line,
    )
    for handler in collect([FEATURE])[ChatMessageSent]:
        handler.run(tx, message)
    return [LINES[m.kind](m.payload) for m in posted(tx, guild_id) if m.kind in LINES]


def test_tickets_rank_and_time_to_the_next(tx: Connection, guild_id: int) -> None:
    opened = period(tx, guild_id)
    link(tx, guild_id, MIA)
    link(tx, guild_id, LEO)
    watches(tx, guild_id, MIA, MIDDLE, timedelta(minutes=62))
    gives(tx, guild_id, LEO, 2)
    credit(tx, opened, MIDDLE + HOUR)
    assert says(tx, guild_id, MIA, "!tickets") == [
        "@MadCats 10 tickets · rank 2 of 2, chance 25.0% · next one in 4 minutes"
    ]


def test_one_reply_a_minute(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    link(tx, guild_id, MIA)
    for seconds in (0, 10, 20, 59):
        assert len(says(tx, guild_id, MIA, "!tickets", timedelta(seconds=seconds))) == 1
    assert len(says(tx, guild_id, MIA, "!Tickets", timedelta(seconds=60))) == 2
    assert len(says(tx, guild_id, LEO, "!tickets", timedelta(seconds=60))) == 3


def test_unlinked_viewers_see_their_waiting_tickets(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id)
    gives(tx, guild_id, MIA, 2)
    (line,) = says(tx, guild_id, MIA, "!tickets")
    assert line == "@MadCats 30 tickets are waiting for you: link in Discord with /link."
    assert says(tx, guild_id, LEO, "!tickets")[1] == (
        "@lil_bean Link your account in Discord with /link to take part."
    )


def test_raffle_shows_prize_end_and_rates(tx: Connection, guild_id: int) -> None:
    period(tx, guild_id, prize="A\nkeyboard " + "🎁" * 500)
    (line,) = says(tx, guild_id, MIA, "!raffle")
    assert line.startswith("Raffle #1 · win A keyboard 🎁🎁")
    assert line.endswith("🎁 · ends in 16 days · 15 for a gifted sub · 10 for an hour watched")
    assert len(line) < 300
    assert len(says(tx, guild_id, LEO, "!raffle", HOUR + timedelta(seconds=5))) == 1


def test_no_reply_without_a_raffle(tx: Connection, guild_id: int, other_guild_id: int) -> None:
    period(tx, other_guild_id)
    assert says(tx, guild_id, MIA, "!tickets", END - MIDDLE) == []
    period(tx, guild_id)
    assert says(tx, guild_id, MIA, "!raffle", END - MIDDLE) == []


def test_time_left_is_rounded_up() -> None:
    payload = {"number": 1, "prize": "", "per_gift": 0, "per_hour": 0}
    for left, words in ((20, "1 minute"), (3599, "60 minutes"), (7300, "3 hours"), (2e5, "3 days")):
        assert messages.raffle_line({**payload, "left": left}) == f"Raffle #1 · ends in {words}"
