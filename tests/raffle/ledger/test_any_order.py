"""Random events in any order: every displayed number is the sum of the ledger, and no gift is lost
or counted twice."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Concatenate, ParamSpec, TypeVar

from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import Connection, insert, text

from core.events import SubGifted, SupportRevoked
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.people import store as people
from core.raffle.draw import actions as draws
from core.raffle.draw import store as drawn
from core.raffle.ledger import gifts, store
from core.raffle.ledger.actions import change_tickets
from core.raffle.periods import actions as calendar
from core.raffle.records import Period
from core.raffle.store import list_in_state
from core.watchtime.records import Adjustment
from tests.acting import act
from tests.raffle.draw.rig import draw_of, froze
from tests.raffle.ledger.scene import (
    LEO,
    MIA,
    NAMES,
    YUKI,
    discord_of,
    gifted,
    hear,
    link,
    tickets,
    viewer,
    with_channel,
)
from tests.raffle.scene import ADMIN, CONFIG, credit, do, list_periods

P = ParamSpec("P")
T = TypeVar("T")

NOON = datetime(2026, 11, 22, 12, tzinfo=UTC)
PEOPLE = (MIA, LEO, YUKI)

acts = st.sampled_from(
    [
        *("gift", "gift", "gift", "tell", "void", "revoke", "give", "take", "watch", "unwatch"),
        *("link", "unlink", "start", "end", "restart", "freeze", "month"),
    ]
)
happenings = st.lists(
    st.tuples(acts, st.sampled_from(PEOPLE), st.integers(1, 60)), min_size=10, max_size=30
)


class Month:
    """A server with random events, a few hours apart."""

    def __init__(self, tx: Connection, guild_id: int) -> None:
        self.tx, self.guild_id, self.now = tx, guild_id, NOON
        self.reported: list[SubGifted] = []
        self.late: list[SubGifted] = []
        with_channel(tx, guild_id)
        for person in PEOPLE:
            viewer(tx, guild_id, person)

    def happens(self, act: str, person: int, amount: int) -> None:
        self.now += timedelta(hours=amount)
        try:
            with self.tx.begin_nested():
                getattr(self, act)(person, amount)
        except Refusal:
            pass

    def gift(self, person: int, amount: int) -> None:
        """The last event of every drop arrives late."""
        given_now = gifted(self.guild_id, person, 1 + amount % 3, self.now)
        self.late.append(given_now.pop())
        self._hear(given_now)

    def tell(self, _person: int, _amount: int) -> None:
        late, self.late = self.late, []
        self._hear(late)

    def _hear(self, events: list[SubGifted]) -> None:
        for event in events:
            hear(self.tx, event)
        self.reported += events

    def void(self, person: int, amount: int) -> None:
        drops = self._do(gifts.list_drops, viewer_id=self._viewer(person))
        if drops:
            self._do(gifts.void_drop, drops[amount % len(drops)].drop)

    def revoke(self, _person: int, amount: int) -> None:
        if self.reported:
            of = self.reported[amount % len(self.reported)].key
            event = SupportRevoked(
                key=f"SubGifted|{of}",
                guild_id=self.guild_id,
                at=self.now,
                platform="kick",
                channel_id=1,
                event="SubGifted",
                of=of,
            )
            hear(self.tx, event)

    def give(self, person: int, amount: int) -> None:
        self._do(change_tickets, NAMES[person], amount, "", self.now.isoformat())

    def take(self, person: int, amount: int) -> None:
        self.give(person, -amount)

    def watch(self, person: int, amount: int) -> None:
        self.tx.execute(
            insert(Adjustment).values(
                guild_id=self.guild_id,
                viewer_id=self._viewer(person),
                amount=timedelta(minutes=amount),
                reason="a test",
                actor=ADMIN,
                key=self.now.isoformat(),
                at=self.now,
            )
        )
        self._settle()

    def unwatch(self, person: int, amount: int) -> None:
        self.watch(person, -amount)

    def link(self, person: int, _amount: int) -> None:
        if act(self.tx, self.guild_id, people.find_link, discord_of(person)) is None:
            link(self.tx, self.guild_id, person, self.now)

    def unlink(self, person: int, _amount: int) -> None:
        found = act(self.tx, self.guild_id, people.find_link, discord_of(person))
        if found is not None:
            people.end_link(self.tx, found)

    def start(self, _person: int, _amount: int) -> None:
        self._do(calendar.start, CONFIG, None, None)

    def end(self, _person: int, _amount: int) -> None:
        self._do(calendar.end, self._do(calendar.get_to_end).number)

    def restart(self, _person: int, _amount: int) -> None:
        self._do(calendar.restart, CONFIG, self._do(calendar.get_to_end, has_begun=True).number)

    def freeze(self, _person: int, _amount: int) -> None:
        period = self._do(draws.get_period_to_draw)
        froze(self.tx, self.guild_id, period.number, self.now)

    def month(self, _person: int, _amount: int) -> None:
        """The bot slept for a while."""
        self.now += timedelta(days=20)
        self._do(calendar.open_due, CONFIG)

    def _settle(self) -> None:
        for period in self._do(list_in_state, "open"):
            credit(self.tx, period, self.now)

    def _do(
        self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        return do(self.tx, self.guild_id, self.now, action, *args, **kwargs)

    def _viewer(self, person: int) -> int:
        return viewer(self.tx, self.guild_id, person)

    # -- what must be true --------------------------------------------------------------------

    def adds_up(self) -> None:
        self._settle()
        for period in list_periods(self.tx, self.guild_id):
            self._shown_alike(period)
        self._no_gift_lost_or_twice()

    def _shown_alike(self, period: Period) -> None:
        number = period.number
        pool = self._do(store.get_pool, number)
        board, _own = self._do(store.list_places, number, 25, 0, None)
        accounts = {self._viewer(person): f"kick:{person}" for person in PEOPLE}
        if period.frozen_at is None:
            holders = self._do(drawn.get_holders, number)
            can_win = dict(zip(holders.accounts, holders.tickets, strict=True))
            assert {accounts[place.viewer_id]: place.tickets for place in board} == can_win
            assert (pool.viewers, pool.tickets) == (len(can_win), sum(holders.tickets))
        else:
            draw = draw_of(self.tx, self.guild_id, number)
            assert (pool.viewers, pool.tickets) == (draw.entrants, draw.tickets)
        assert (pool.viewers, pool.tickets) == (len(board), sum(place.tickets for place in board))
        ranks = {place.viewer_id: place.rank for place in board}
        for viewer_id in accounts:
            kept = tickets(self.tx, self.guild_id, viewer_id, number)
            own = self._do(store.get_own, number, viewer_id)
            assert (own.tickets, own.rank) == (kept, ranks.get(viewer_id))
            assert sum(amount for _source, amount in own.sources) == kept
            assert self._do(store.count_entries, number, viewer_id)[1] == kept

    def _no_gift_lost_or_twice(self) -> None:
        found = self.tx.execute(_GIFTS, {"guild_id": self.guild_id}).mappings().all()
        assert len(found) == len(self.reported)
        for gift in found:
            assert gift["given"] == (0 if gift["credited_in"] is None else 1)
            assert gift["taken"] <= (1 if gift["voided"] else 0)
            if not gift["voided"]:
                assert (gift["credited_in"] is not None) == gift["has_a_raffle"], gift


_GIFTS = text("""
    SELECT g.credited_in, g.voided_at IS NOT NULL AS voided,
           (SELECT count(*) FROM raffle_entries e
             WHERE e.guild_id = g.guild_id AND e.source_key = 'gift:' || g.key
               AND e.period = g.credited_in AND e.amount = 15) AS given,
           (SELECT count(*) FROM raffle_entries e
             WHERE e.guild_id = g.guild_id AND e.source_key = 'void:gift:' || g.key
               AND e.period = g.credited_in AND e.amount BETWEEN -15 AND -1) AS taken,
           g.credited_in IS NOT NULL OR EXISTS (
               SELECT FROM raffle_periods p
                WHERE p.guild_id = g.guild_id AND p.starts_at <= g.at AND g.at < p.ends_at
                  AND (p.state = 'open' OR EXISTS (
                       SELECT FROM raffle_periods later
                        WHERE later.guild_id = p.guild_id AND later.state = 'open'
                          AND later.starts_at > p.starts_at))) AS has_a_raffle
      FROM raffle_gifts g WHERE g.guild_id = :guild_id
""")


@settings(max_examples=20)
@given(happenings)
def test_the_ledger_adds_up_after_any_sequence_of_events(
    tx: Connection, guild_id: int, happenings: list[tuple[str, int, int]]
) -> None:
    with tx.begin_nested() as attempt:
        month = Month(tx, guild_id)
        for act, person, amount in (("start", MIA, 1), *happenings):
            month.happens(act, person, amount)
        month.adds_up()
        attempt.rollback()
