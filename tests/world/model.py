"""What the documents promise, computed anew from what happened outside.

Written from README.md, docs/points.md, docs/fairness.md and docs/vip.md, and not from the code. It
knows only worlds in which nobody changes rates (`Author.is_modelled`); elsewhere it checks what
holds with any rates.
"""

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from sandbox.people import BY_HANDLE

if TYPE_CHECKING:
    from tests.world.engine import World

Json = dict[str, Any]
Span = tuple[datetime, datetime]

WINDOW = timedelta(minutes=10)
"""Ten minutes count after each message while the stream is live (README.md)."""

PER_SUBSCRIPTION = PER_GIFTED_SUB = PER_RAID = 500
RAID_VIEWERS = 2
TICKETS_PER_GIFT = 15
"""Defaults of docs/settings.md; Kicks and bits give a point each (docs/points.md)."""

SLACK = timedelta(seconds=3)
"""Kick's times have whole seconds."""


@dataclass
class Model:
    """Notes what happens outside, and computes what must come of it.

    Attributes:
        is_exact: nobody changes rates, rights or balances by hand.
    """

    is_exact: bool = False
    spoke: dict[tuple[str, str, str], list[datetime]] = field(
        default_factory=lambda: defaultdict(list)
    )
    live: dict[tuple[str, str], list[list[datetime | None]]] = field(
        default_factory=lambda: defaultdict(list)
    )
    earned: Counter[tuple[str, str, str, str]] = field(default_factory=Counter)
    gifts: Counter[tuple[str, str, str]] = field(default_factory=Counter)
    by_hand: dict[str, set[int]] = field(default_factory=lambda: defaultdict(set))
    once: set[tuple[Any, ...]] = field(default_factory=set)

    # -- what happens -----------------------------------------------------------------------------

    def note(self, platform: str, action: str, given: Json, at: datetime, *, arrives: bool) -> None:
        """Somebody did something on a platform. `arrives`: webhooks are under way."""
        server, person = str(given.get("channel", "nora")), given.get("person")
        match action:
            case "live":
                self.live[platform, server].append([at, None])
            case "offline":
                if spans := self.live[platform, server]:
                    spans[-1][1] = at
            case "chat" if arrives:
                self.spoke[platform, server, str(person)].append(at)
            case "vip":
                self._note_vip(server, given)
            case "moderator" if not given.get("ends"):
                self.by_hand[server].discard(self._twitch_id(str(person)))
        if arrives and person is not None:
            self._note_support(platform, action, given, at)

    def _note_vip(self, server: str, given: Json) -> None:
        user_id = self._twitch_id(str(given["person"]))
        if given.get("ends"):
            self.by_hand[server].discard(user_id)
        else:
            self.by_hand[server].add(user_id)

    def vips_by_hand(self, server: str) -> set[int]:
        """Whom the streamer made VIP on Twitch."""
        return self.by_hand[server]

    @staticmethod
    def _twitch_id(person: str) -> int:
        return BY_HANDLE[person].twitch_user_id

    def _note_support(self, platform: str, action: str, given: Json, at: datetime) -> None:
        who = platform, str(given.get("channel", "nora")), str(given["person"])
        match action:
            case "subscribe" | "renew":
                if self._is_new(who, action, given, at):
                    self.earned[*who, "subscription"] += PER_SUBSCRIPTION
            case "gift":
                self.earned[*who, "gifted_sub"] += PER_GIFTED_SUB * len(given["giftees"])
                self.gifts[who] += len(given["giftees"])
            case "kicks":
                self.earned[*who, "kicks"] += int(given["amount"])
            case "cheer":
                self.earned[*who, "bits"] += int(given["bits"])
            case "raid":
                if int(given["viewers"]) >= RAID_VIEWERS:
                    self.earned[*who, "raid"] += PER_RAID

    def _is_new(self, who: tuple[str, ...], action: str, given: Json, at: datetime) -> bool:
        """On Twitch nobody subscribes to a tier twice on one day, or renews a month twice."""
        if who[0] == "kick":
            return True
        what = (given.get("months"), given.get("tier"))
        fact = (*who, action, *what, at.date() if action == "subscribe" else None)
        is_new = fact not in self.once
        self.once.add(fact)
        return is_new

    # -- what must come of it ---------------------------------------------------------------------

    def check(self, world: "World") -> None:
        """Once all has arrived. Raises Wrong."""
        self._minutes(world)
        # Of several events of one gift, the fault drops the first: that one is lost, too.
        is_lost = world.history.lost or "twitch.event.drop" in world.history.faults
        if self.is_exact and not is_lost:
            self._points(world)
            self._gifts(world)

    def _accounts(self, world: "World") -> dict[tuple[str, str, str], int]:
        """(platform, server, handle) -> viewer id."""
        from tests.world.base import GUILD_OF

        handles = {
            ("kick", one.user_id): one.handle for one in world.outside.kick.accounts.values()
        }
        handles |= {
            ("twitch", one.user_id): one.handle for one in world.outside.twitch.accounts.values()
        }
        servers = {guild_id: server for server, guild_id in GUILD_OF.items()}
        return {
            (row.platform, servers[row.guild_id], handles[row.platform, row.platform_user_id]):
                row.viewer_id
            for row in world.rows(
                "SELECT guild_id, platform, platform_user_id, viewer_id FROM people_viewers"
            )
            if (row.platform, row.platform_user_id) in handles
        }  # fmt: skip

    def _minutes(self, world: "World") -> None:
        """Nobody has more minutes than their messages give; in exact worlds nobody has fewer."""
        from tests.world.base import Wrong

        watched = {
            row.viewer_id: row.watched
            for row in world.rows(
                "SELECT viewer_id, sum(watched) AS watched FROM watchtime_days GROUP BY 1"
            )
        }
        forgotten = world.rows("SELECT 1 FROM people_tombstones LIMIT 1")
        linked = {row.viewer_id for row in world.rows("SELECT viewer_id FROM people_links")}
        accounts = self._accounts(world)
        for (platform, server, person), viewer_id in accounts.items():
            spans = self._live_spans(world, platform, server)
            spoke = self.spoke[platform, server, person]
            most = _overlap([(at, at + WINDOW) for at in spoke], spans)
            found = watched.get(viewer_id, timedelta())
            slack = SLACK * (1 + len(spoke) + len(spans))
            if found > most + slack:
                raise Wrong(f"{person} watched {most} on {platform} ({server}), counted: {found}")
            was_linked = viewer_id in linked or (person, server) in world.ever_linked
            is_streamer = person == server or person in ("tomas",)
            past = world.history.lost or world.history.faults
            is_sure = not (forgotten or was_linked or is_streamer or past)
            if self.is_exact and is_sure and found + slack < most:
                raise Wrong(
                    f"{person} watched {most} on {platform} ({server}), only {found} counted"
                )

    def _live_spans(self, world: "World", platform: str, server: str) -> list[Span]:
        now = world.clock()
        return [(began, ended or now) for began, ended in self.live[platform, server] if began]

    def _points(self, world: "World") -> None:
        """Each source gives what docs/points.md says, once."""
        from tests.world.base import Wrong

        totals = {
            (row.viewer_id, row.account): row.points
            for row in world.rows("SELECT viewer_id, account, points FROM points_totals")
        }
        accounts = self._accounts(world)
        sources = "subscription", "gifted_sub", "kicks", "bits", "raid"
        for who, viewer_id in accounts.items():
            for source in sources:
                surplus = totals.get((viewer_id, source), 0) - self.earned[*who, source]
                if surplus > 0:
                    raise Wrong(f"{who} earned {surplus} too many points by {source}")
        for (platform, server, person, source), expected in list(self.earned.items()):
            viewer_id = accounts.get((platform, server, person), 0)
            if server not in world.points_since:
                continue
            found = totals.get((viewer_id, source), 0)
            if found != expected:
                raise Wrong(
                    f"{person} ({platform}, {server}) earned {found} by {source}, not {expected}"
                )

    def _gifts(self, world: "World") -> None:
        """Each gifted sub is known once."""
        from tests.world.base import Wrong

        known = Counter(
            {
                row.viewer_id: row.gifts
                for row in world.rows("""
                    SELECT viewer_id, count(*) AS gifts FROM raffle_gifts
                     WHERE viewer_id IS NOT NULL GROUP BY 1""")
            }
        )
        accounts = self._accounts(world)
        for who, expected in self.gifts.items():
            found = known[accounts.get(who, 0)]
            if found != expected:
                raise Wrong(f"{who} gave {expected} subs, {found} are known")


def _overlap(some: list[Span], others: list[Span]) -> timedelta:
    """How long both are."""
    total = timedelta()
    for begin, end in _merged(some):
        for other_begin, other_end in _merged(others):
            total += max(timedelta(), min(end, other_end) - max(begin, other_begin))
    return total


def _merged(spans: list[Span]) -> list[Span]:
    found: list[Span] = []
    for begin, end in sorted(spans):
        if found and begin <= found[-1][1]:
            found[-1] = found[-1][0], max(end, found[-1][1])
        else:
            found.append((begin, end))
    return found
