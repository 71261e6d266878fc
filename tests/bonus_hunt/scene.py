"""A guild with a bonus hunt, and ways to inspect what happened."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar

from sqlalchemy import Connection, select

from core.bonus_hunt import actions, store
from core.bonus_hunt.feature import FEATURE
from core.bonus_hunt.records import Bonus, Guess, Hunt
from core.bonus_hunt.store import View
from core.guilds import store as guilds
from core.guilds.records import AuditEntry
from core.inbox.actions import OWN_SOURCE
from core.inbox.records import deliveries
from core.kit.database.connection import cache_of
from core.kit.database.work import Work, run_in_guild
from core.people import store as people
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

GAMES = (("Mental", "1"), ("Book of Dead", "0.40"), ("Pirots", "2"))


@dataclass
class HuntGuild:
    """A guild inside one transaction. Each action happens one second after the previous one."""

    tx: Connection
    id: int
    at: datetime = field(default=NOON)

    def do(self, action: Callable[Concatenate[Work, P], T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Run an action as a moderator."""
        self.at += timedelta(seconds=1)
        cache_of(self.tx).clear()  # as in its own transaction
        return run_in_guild(self.tx, self.id, MODERATOR, self.at, action, *args, **kwargs)

    def start(self, cost: str = "100", currency: str = "EUR", *, name: str = "Friday") -> Hunt:
        return self.do(actions.start, name, cost, currency, CHANNEL_ID)

    def collect(self, *games: tuple[str, str]) -> None:
        for game, bet in games or GAMES:
            self.do(actions.add_typed, game, bet)

    def opening(self, cost: str = "100", *payouts: str) -> None:
        """A hunt with three bonuses in the opening phase; the first ones have these results."""
        self.start(cost)
        self.collect()
        self.do(actions.open_hunt)
        for payout in payouts:
            self.do(actions.record_result, payout)

    def follow_kick(self) -> None:
        """The server has a Kick channel."""
        channel = guilds.Channel(self.id, "kick", KICK_CHANNEL, "noraplays")
        guilds.set_channel(self.tx, channel)

    def viewer(self, name: str, user_id: int = 7, discord_id: int | None = None) -> int:
        """A viewer from chat, linked if a Discord id is given."""
        viewer_id = people.set_viewer(self.tx, self.id, "kick", user_id, name, NOON)
        if discord_id is not None:
            people.add_link(self.tx, self.id, discord_id, "kick", viewer_id, NOON)
        return viewer_id

    def say(self, text: str, name: str = "MadCats", user_id: int = 7, **when: Any) -> None:
        """A viewer types a command now, or some seconds after noon."""
        when = when or {"seconds": (self.at - NOON).total_seconds() + 0.5}
        message = chat_message(self.id, text, name=name, user_id=user_id, **when)
        cache_of(self.tx).clear()
        (command,) = (
            command for command in FEATURE.chat_commands if message.command in command.names
        )
        command.run(self.tx, [message])

    @property
    def view(self) -> View:
        return self.do(store.get_view)

    def lines(self) -> list[str]:
        """The bonuses in a few words."""
        return [
            f"#{b.position} {b.slot} {b.bet.normalize():f}"
            f" {'skipped' if b.skipped else '?' if b.payout is None else f'{b.payout:.2f}'}"
            for b in self.view.bonuses
        ]

    def guesses(self) -> dict[str, str]:
        found = self.do(lambda work: work.scalars(select(Guess)).all())
        return {guess.viewer_name: f"{guess.amount.normalize():f}" for guess in found}

    def posted(self, *kinds: str) -> list[Posted]:
        return posted(self.tx, self.id, *kinds)

    def said(self) -> list[str]:
        """The bot's lines in the stream's chat."""
        shown = (message for message in self.posted() if message.service == "kick")
        return [FEATURE.lines[message.kind](message.payload) for message in shown]

    def shown(self) -> dict[str, Any]:
        """The current content of the hunt's message."""
        return self.posted("bonus_hunt.message")[-1].payload

    def published(self) -> list[tuple[str, dict[str, Any]]]:
        """Chat lines about guesses, oldest first."""
        found = self.tx.execute(
            select(deliveries.c.kind, deliveries.c.body)
            .where(deliveries.c.source == OWN_SOURCE, deliveries.c.kind.startswith("Guess"))
            .order_by(deliveries.c.id)
        )
        return [(row.kind, row.body) for row in found if row.body["guild_id"] == self.id]

    def audited(self) -> list[str]:
        found = self.tx.execute(
            select(AuditEntry).where(AuditEntry.guild_id == self.id).order_by(AuditEntry.id)
        )
        return [row.action.removeprefix("bonus_hunt.") for row in found]

    def everything(self) -> dict[str, Any]:
        """All state that undo must restore; guessing stays closed once a payout is known."""
        hunts = self.do(lambda work: work.scalars(select(Hunt).order_by(Hunt.number)).all())
        bonuses = self.do(
            lambda work: work.scalars(select(Bonus).order_by(Bonus.hunt, Bonus.position)).all()
        )
        names = [
            "name", "start_cost", "state", "finished_at", "guesses_from",
            "viewer_id", "winning_guess",
        ]  # fmt: skip
        of_bonus = ["hunt", "position", "slot", "provider", "bet", "viewer_id", "payout", "skipped"]
        return {
            "hunts": [[getattr(hunt, name) for name in names] for hunt in hunts],
            "bonuses": [[getattr(bonus, name) for name in of_bonus] for bonus in bonuses],
        }
