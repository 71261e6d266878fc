"""A guild with heists, and ways to inspect what happened."""

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from core.drand.chain import Chain, Round
from core.events import ChatMessageSent
from core.guilds import store as guilds
from core.guilds.actions import change_settings
from core.heist import actions, store
from core.heist.feature import FEATURE
from core.heist.records import Heist, Player
from core.heist.rules import HeistSettings
from core.heist.store import View
from core.kit.database.connection import cache_of
from core.kit.database.work import Work, handled_at, run_in_guild
from core.people import store as people
from core.points import ledger, providers
from core.points.ledger import NewEntry
from core.points.rules import PointsSettings
from tests.slot_calls.scene import (
    CHANNEL_ID,
    KICK_CHANNEL,
    MODERATOR,
    NOON,
    Posted,
    chat_message,
    posted,
)

P = ParamSpec("P")
T = TypeVar("T")

RICH = 1_000
"""Default balance of viewers."""


CHAIN = Chain("ab" * 32, "00", genesis=1_692_803_367, period=3)


def answer(heist: Heist, signature: str = "cd" * 48) -> Round:
    """What the beacon publishes for a heist."""
    assert heist.chain is not None
    assert heist.round is not None
    randomness = hashlib.sha256(bytes.fromhex(signature)).hexdigest()
    return Round(heist.chain, heist.round, randomness, signature)


@dataclass
class HeistGuild:
    """A guild inside one transaction; `at` is the time."""

    tx: Connection
    id: int
    at: datetime = field(default=NOON)
    has: dict[int, int] = field(default_factory=dict)

    def do(self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an action as a moderator."""
        cache_of(self.tx).clear()  # as in its own transaction
        return run_in_guild(self.tx, self.id, MODERATOR, self.at, action, *args, **kwargs)

    def open(self, **settings: Any) -> None:
        """Turn points on and follow a Kick channel; no cooldown by default."""
        channel = guilds.Channel(self.id, "kick", KICK_CHANNEL, "noraplays")
        guilds.set_channel(self.tx, channel)
        self.do(change_settings, PointsSettings, enabled=True)
        self.set(
            **{"channel": CHANNEL_ID, "user_cooldown": 0, "start_heist_cooldown": 0} | settings
        )

    def set(self, **settings: Any) -> None:
        self.do(change_settings, HeistSettings, **settings)

    def viewer(self, user_id: int, platform: str = "kick", points: int = RICH) -> int:
        """A viewer with points, known from chat."""
        name = f"viewer{user_id}"
        viewer_id = people.set_viewer(self.tx, self.id, platform, user_id, name, NOON)
        if viewer_id not in self.has and points:
            self.has[viewer_id] = points
            new = [NewEntry(f"test:{viewer_id}", viewer_id, "earned", points)]
            self.do(ledger.post, "test", new)
        return viewer_id

    def link(self, viewer_id: int, member: int, platform: str = "kick") -> None:
        people.add_link(self.tx, self.id, member, platform, viewer_id, NOON)

    def message(self, text: str, user_id: int = 1, **details: Any) -> ChatMessageSent:
        details = {"seconds": (self.at - NOON).total_seconds()} | details
        return chat_message(self.id, text, name=f"viewer{user_id}", user_id=user_id, **details)

    def say(self, text: str, user_id: int = 1, points: int = RICH, **details: Any) -> int:
        """A viewer types a command; returns their viewer id."""
        viewer_id = self.viewer(user_id, details.get("platform", "kick"), points)
        self.handle([self.message(text, user_id, **details)])
        return viewer_id

    def handle(self, messages: Sequence[ChatMessageSent]) -> None:
        """A batch of messages with one command, typed at any time."""
        cache_of(self.tx).clear()
        (command,) = (
            command for command in FEATURE.chat_commands if messages[0].command in command.names
        )
        with handled_at(self.tx, self.at):
            command.run(self.tx, messages)

    def wait(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)

    # -- a whole heist ----------------------------------------------------------------------

    def start(self) -> Heist:
        return self.do(actions.start)

    def lock(self) -> Heist:
        """After the time to join."""
        heist = self.heist
        self.at = heist.closes_at + timedelta(seconds=3)
        self.do(actions.lock, heist.number, CHAIN)
        return self.heist

    def store_round(self, signature: str = "cd" * 48) -> Heist:
        """Store the beacon's number; it is not verified, because this chain is made up."""
        heist = self.heist
        random = answer(heist, signature)
        assert heist.round_at is not None
        self.at = heist.round_at + timedelta(seconds=1)

        def take(work: Work) -> None:
            known = store.find_running(work)
            assert known is not None
            known.randomness, known.signature = random.randomness, random.signature
            known.state = "resolving"

        self.do(take)
        return self.heist

    def finish(self, signature: str = "cd" * 48) -> Heist:
        """From the end of joining to the payout."""
        if self.heist.state == "open":
            self.lock()
        if self.heist.state == "locked":
            self.store_round(signature)
        self.do(actions.roll, self.heist.number)
        self.do(actions.pay, self.heist.number)
        return self.heist

    def force(self, statement: str) -> None:
        """Run SQL as the database's owner, with triggers disabled."""
        self.tx.exec_driver_sql("SET LOCAL session_replication_role = replica")
        self.tx.exec_driver_sql(statement)
        self.tx.exec_driver_sql("SET LOCAL session_replication_role = origin")

    # -- what happened ----------------------------------------------------------------------

    @property
    def heist(self) -> Heist:
        """The newest."""
        found = self.do(store.find_newest)
        assert found is not None
        return found

    @property
    def view(self) -> View:
        found = self.do(store.find_view)
        assert found is not None
        return found

    def balance(self, viewer_id: int) -> int:
        return self.do(providers.balance_of, viewer_id) or 0

    def crew(self) -> list[str]:
        """`viewer stake risk`, in order."""
        return [f"{player.viewer_name} {player.stake} {player.risk}" for player in self.view.crew]

    def refusals(self) -> dict[str, str | None]:
        return {player.viewer_name: player.reason for player in self.view.refused}

    def posted(self, *kinds: str) -> list[Posted]:
        return posted(self.tx, self.id, *kinds)

    def said(self) -> list[str]:
        """The bot's lines in the stream's chat."""
        shown = (message for message in self.posted() if message.service in ("kick", "twitch"))
        return [FEATURE.lines[message.kind](message.payload) for message in shown]

    def house(self) -> int:
        """Points that heists took and did not give back; adding viewers' balances gives all
        points."""
        found = self.tx.exec_driver_sql(
            "SELECT COALESCE(sum(amount), 0) FROM points_entries"
            f" WHERE guild_id = {self.id} AND account = 'heist'"
        )
        return -int(found.scalar_one())

    def players(self) -> list[Player]:
        return list(self.do(lambda work: work.scalars(select(Player)).all()))
