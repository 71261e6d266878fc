"""What the documents promise to whoever types something: amounts, times, names, games.

Written from docs/points.md (Amounts), docs/heist.md, docs/bonus_hunt.md, docs/architecture.md (how
long a command lasts), docs/vip.md and docs/commands.md.
"""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.world.engine import World

LASTS = timedelta(minutes=2)
"""A command that arrives later does nothing, and nobody is answered later."""

SLACK = timedelta(seconds=8)
LATEST = LASTS + SLACK

MEANS: dict[str, str | None] = {
    **{number: number for number in ("1", "5", "10", "50", "100", "250", "500")},
    "1k": "1000", "1.5k": "1500", "1,234": "1234", "2 KEKW": "2", "1 kkkk": "1", "0": "0",
    "٣": "3", "12.50": "12.5", "$5": "5", "5 EUR": "5", "99999999999": "99999999999",
    "-5": None, "1.555k": None, "100 5": None, "1e9": None, "": None,
}  # fmt: skip
"""What people type -> the amount it is, or None where it is refused (docs/points.md, Amounts)."""

SHARES = ("all", "half", "50%", "max")

SAME_GAME = {
    "gates of olimpus": "gates of olympus",
    "gates of olympus": "gates of olympus",
    "book of dead": "book of dead",
}
"""Games by the names that people use in a world, without marks of clients."""


@dataclass
class Typed:
    """A line of chat.

    Attributes:
        number: of the step.
    """

    platform: str
    server: str
    person: str
    text: str
    at: datetime

    @property
    def command(self) -> str:
        found = re.match(r"\s*[!！]\s*(\w+)", self.text)
        return found[1].casefold() if found else ""

    @property
    def argument(self) -> str:
        found = re.match(r"\s*[!！]\s*\w+\s*(.*)", self.text, re.S)
        return found[1].strip() if found else ""


@dataclass
class Promises:
    """Remembers what was typed."""

    lines: list[Typed] = field(default_factory=list)
    by_id: dict[str, datetime] = field(default_factory=dict)
    known_heists: set[tuple[int, int]] = field(default_factory=set)
    opened_hunts: set[tuple[int, int]] = field(default_factory=set)
    by_hand: list[tuple[str, str]] = field(default_factory=list)
    decided: set[str] = field(default_factory=set)
    manual: int = 0

    # -- after each step ---------------------------------------------------------------------------

    def after_step(self, world: "World") -> None:
        """What has to be looked at when it happens. Raises Wrong."""
        self._heists_last(world)
        self._guessing_stays_closed(world)

    def _heists_last(self, world: "World") -> None:
        """Whoever starts a heist opens a whole one, however late the command was handled."""
        from tests.world.base import Wrong

        rows = world.rows("""
            SELECT guild_id, number, opened_at, closes_at, terms::json ->> 'heist_duration' AS lasts
              FROM heists WHERE state = 'open'""")
        for row in rows:
            key = row.guild_id, row.number
            if key in self.known_heists:
                continue
            self.known_heists.add(key)
            left = row.closes_at - world.step_began
            if left < timedelta(seconds=int(row.lasts)) - timedelta(seconds=2):
                raise Wrong(f"heist {key} was opened for {left} of {row.lasts} seconds")

    def _guessing_stays_closed(self, world: "World") -> None:
        from tests.world.base import Wrong

        rows = world.rows("""
            SELECT h.guild_id, h.number,
                   h.guesses_from IS NOT NULL AND h.guesses_until IS NULL
                       AND h.state <> 'finished' AS open,
                   EXISTS (SELECT FROM bonus_hunt_bonuses b WHERE b.guild_id = h.guild_id
                            AND b.hunt = h.number AND b.payout IS NOT NULL) AS known
              FROM bonus_hunts h""")
        for row in rows:
            key = row.guild_id, row.number
            if row.known:
                self.opened_hunts.add(key)
            if row.open and key in self.opened_hunts:
                raise Wrong(f"hunt {key} takes guesses although a payout was known")

    # -- at rest ----------------------------------------------------------------------------------

    def at_rest(self, world: "World") -> None:
        """All of them. Raises Wrong."""
        people = _accounts(world)
        self._amounts(world, people)
        self._in_time(world, people)
        self._games(world)
        self._best_guesses(world)
        self._platforms(world)
        self._vips_end(world)
        self._decided_on_twitch(world)

    def _typed_by(self, people: dict[int, tuple[str, str, str]], *names: str) -> Any:
        """Viewer id -> the commands of these names that they have typed."""
        whose = {who: viewer_id for viewer_id, who in people.items()}
        found: dict[int, list[Typed]] = defaultdict(list)
        for line in self.lines:
            if line.command in names:
                found[whose.get((line.platform, line.server, line.person), 0)].append(line)
        return found

    def _amounts(self, world: "World", people: dict[int, tuple[str, str, str]]) -> None:
        """Amounts are what people mean; what is not certain is refused."""
        from tests.world.base import Wrong

        joins = self._typed_by(people, "join")
        for row in world.rows("SELECT viewer_id, stake FROM heist_players WHERE state = 'in'"):
            meant = _meant(line.argument for line in joins[row.viewer_id])
            if meant is not None and row.stake not in meant:
                raise Wrong(f"{people.get(row.viewer_id)} staked {row.stake}, not one of {meant}")
        guesses = self._typed_by(people, "guess")
        for row in world.rows("SELECT viewer_id, amount FROM bonus_hunt_guesses"):
            typed = [line.argument for line in guesses[row.viewer_id]]
            meant = _meant(typed)
            if typed and meant is not None and row.amount not in meant:
                raise Wrong(f"{people.get(row.viewer_id)} guessed {row.amount}, not one of {meant}")
        gives = self._typed_by(people, "give")
        for row in world.rows("""
            SELECT viewer_id, key, -sum(amount) AS amount FROM points_entries
             WHERE account = 'gift' AND amount < 0 GROUP BY 1, 2"""):
            typed = [_after_name(line.argument) for line in gives[row.viewer_id]]
            meant = _meant(typed)
            if typed and meant is not None and row.amount not in meant:
                raise Wrong(f"{people.get(row.viewer_id)} gave {row.amount}, not one of {meant}")

    def _in_time(self, world: "World", people: dict[int, tuple[str, str, str]]) -> None:
        """What a command in chat has done was typed at most two minutes before."""
        from tests.world.base import Wrong

        done = (
            ("heist", "SELECT viewer_id, opened_at AS at FROM heists WHERE viewer_id IS NOT NULL"),
            ("buy", "SELECT viewer_id, at FROM points_purchases WHERE platform <> ''"),
        )
        for command, sql in done:
            typed = self._typed_by(people, command)
            for row in world.rows(sql):
                lately = [
                    line
                    for line in typed[row.viewer_id]
                    if line.at <= row.at < line.at + LASTS + SLACK
                ]
                if typed[row.viewer_id] and not lately:
                    raise Wrong(
                        f"!{command} of {people.get(row.viewer_id)} was carried out too late"
                    )
        for row in world.rows("""
            SELECT target ->> 'reply_to' AS id, posted_at, kind FROM outbox_messages
             WHERE service <> 'discord' AND target ->> 'reply_to' IS NOT NULL
               AND kind <> 'points.returned'"""):
            at = self.by_id.get(row.id)
            if at is not None and row.posted_at > at + LASTS + SLACK:
                raise Wrong(f"{row.kind} answers a line of {row.posted_at - at} ago")

    def _games(self, world: "World") -> None:
        """No request is invisible, and none is for a game that is banned."""
        from tests.world.base import Wrong

        for row in world.rows("""
            SELECT c.number, c.slot, v.platform FROM slot_calls c
              JOIN people_viewers v ON v.guild_id = c.guild_id AND v.viewer_id = c.viewer_id"""):
            if not any(unicodedata.category(char)[0] in "LNPS" for char in row.slot):
                raise Wrong(f"request {row.number} cannot be seen: {row.slot!r}")
            if "[emote:" in row.slot and row.platform == "kick":
                raise Wrong(f"request {row.number} has an emote: {row.slot!r}")
        for row in world.rows("""
            SELECT c.slot, g.folded_title FROM slot_calls c
              JOIN games g ON g.guild_id = c.guild_id AND g.banned
             WHERE c.state = 'open' """):
            plain = re.sub(r"\[emote:[^\]]*\]", " ", unicodedata.normalize("NFKC", row.slot))
            plain = " ".join(plain.casefold().split())
            if SAME_GAME.get(plain, plain) == row.folded_title and world.model.is_exact:
                raise Wrong(f"{row.slot!r} is in the queue, and {row.folded_title!r} is banned")

    def _best_guesses(self, world: "World") -> None:
        """Whoever is closest wins; of equally close guesses the earliest (docs/bonus_hunt.md)."""
        from tests.world.base import Wrong

        for hunt in world.rows("""
            SELECT h.guild_id, h.number, h.viewer_id, h.winning_guess,
                   (SELECT sum(payout) FROM bonus_hunt_bonuses b
                     WHERE b.guild_id = h.guild_id AND b.hunt = h.number AND NOT b.skipped) AS paid
              FROM bonus_hunts h WHERE h.state = 'finished' AND h.winning_guess IS NOT NULL"""):
            guesses = world.rows(
                "SELECT viewer_id, amount, at FROM bonus_hunt_guesses"
                " WHERE guild_id = :guild AND hunt = :hunt",
                guild=hunt.guild_id,
                hunt=hunt.number,
            )
            excluded = world.rows("SELECT 1 FROM people_exclusions LIMIT 1")
            if not guesses or excluded or world.rows("SELECT 1 FROM people_tombstones LIMIT 1"):
                continue
            best = min(abs(one.amount - hunt.paid) for one in guesses)
            if abs(hunt.winning_guess - hunt.paid) != best:
                raise Wrong(f"hunt {hunt.number} paid {hunt.paid}; {hunt.winning_guess} won")

    def _platforms(self, world: "World") -> None:
        """`kick:name` and `twitch:name` mean the account there."""
        from tests.world.base import Wrong

        asked = {who.partition(":")[0] for _server, who in self.by_hand}
        plain = [who for _server, who in self.by_hand if ":" not in who]
        for row in world.rows("""
            SELECT DISTINCT v.platform FROM points_entries e
              JOIN people_viewers v ON v.guild_id = e.guild_id AND v.viewer_id = e.viewer_id
             WHERE e.account = 'manual'"""):
            if self.by_hand and not plain and row.platform not in asked:
                raise Wrong(f"points went to {row.platform}, but all were for {sorted(asked)}")

    def _vips_end(self, world: "World") -> None:
        """Expired VIPs are removed (docs/vip.md), whatever failed for others."""
        from tests.world.base import Wrong

        for row in world.rows(
            """SELECT guild_id, channel_id, twitch_user_id, ends_at, state, trouble
                 FROM vips_sessions WHERE state IN ('active', 'ending') AND ends_at < :before""",
            before=world.clock() - timedelta(minutes=2),
        ):
            channel = world.outside.twitch.channels.get(row.channel_id)
            off = world.rows(
                "SELECT 1 FROM guild_settings WHERE key = 'vips.auto_remove' LIMIT 1"
            ) or world.rows("SELECT 1 FROM twitch_accounts WHERE state <> 'connected' LIMIT 1")
            if channel is not None and row.twitch_user_id in channel.vips and not off:
                raise Wrong(f"VIP that ended at {row.ends_at} was not removed: {row.trouble!r}")

    def _decided_on_twitch(self, world: "World") -> None:
        """What the streamer decided before the bot gives no VIP from the bot."""
        from tests.world.base import Wrong

        for row in world.rows("SELECT redemption_id, result FROM vips_redemptions"):
            if row.redemption_id in self.decided and row.result:
                raise Wrong(f"{row.redemption_id} was decided on Twitch, and {row.result} here")


def _accounts(world: "World") -> dict[int, tuple[str, str, str]]:
    return {viewer_id: who for who, viewer_id in world.model._accounts(world).items()}


def _after_name(argument: str) -> str:
    """What follows the name in `!give @name 100`; names in a world have at most two words."""
    words = argument.split(" ")
    known = [" ".join(words[at:]) for at in range(1, min(4, len(words) + 1))]
    return next((one for one in known if one in MEANS or one in SHARES), "?")


def _meant(typed: Iterable[str]) -> set[Decimal] | None:
    """The amounts that these may be; None where it depends on what somebody has."""
    found: set[Decimal] = set()
    for text in typed:
        bare = re.sub(r" (low|medium|high|extreme)$", "", text.strip())
        if bare in SHARES or bare not in MEANS:
            return None
        if (means := MEANS[bare]) is not None:
            found.add(Decimal(means))
    return found
