"""Hunts with their bonuses, guesses and undoable steps."""

from datetime import datetime
from decimal import Decimal
from typing import Any, Literal

from sqlalchemy import (
    CheckConstraint,
    ForeignKeyConstraint,
    Numeric,
    PrimaryKeyConstraint,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.bonus_hunt.rules import Line
from core.kit.database.personal import holds
from core.kit.database.records import GuildRecord, ViewerId, flag, one_of, optional, partial_index
from core.outbox.records import LiveMessage
from core.people.records import OptionalViewerRecord, ViewerRecord, viewer_key

State = Literal["collecting", "opening", "finished"]
Act = Literal[
    "add",
    "remove",
    "edit",
    "open",
    "result",
    "skip",
    "guess_open",
    "guess_close",
    "finish",
    "reopen",
]

AMOUNT = Numeric(24, 8)
"""Exact; enough digits for every currency."""

HUNT = ["bonus_hunts.guild_id", "bonus_hunts.number"]


class Hunt(OptionalViewerRecord, LiveMessage, kw_only=True):
    """A bonus hunt and its live message. The viewer is the one with the best guess."""

    __tablename__ = "bonus_hunts"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    name: Mapped[str] = mapped_column(comment="as a moderator chose it")
    currency: Mapped[str] = mapped_column(comment="its code, such as EUR")
    digits: Mapped[int] = mapped_column(comment="decimals of the currency")
    start_cost: Mapped[Decimal] = mapped_column(AMOUNT)
    state: Mapped[State] = mapped_column(Text, default="collecting")
    started_at: Mapped[datetime]
    finished_at: Mapped[datetime | None] = optional()
    guesses_from: Mapped[datetime | None] = optional("when guessing was opened last")
    guesses_until: Mapped[datetime | None] = optional("when it was closed; empty while it is open")
    payout_known: Mapped[bool] = flag("a payout was noted, even if it was taken back")
    winning_guess: Mapped[Decimal | None] = optional(kind=AMOUNT)
    wins: Mapped[int] = mapped_column(default=0, comment="how often a winner was announced")
    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="bonus_hunts_numbered"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="bonus_hunts_guild"),
        viewer_key("bonus_hunts_winner"),
        one_of("state", State, name="bonus_hunts_state"),
        CheckConstraint("start_cost >= 0", name="bonus_hunts_cost"),
        partial_index(
            "bonus_hunts_one_in_progress", ("guild_id",), "state <> 'finished'", unique=True
        ),
    )

    @property
    def guesses_open(self) -> bool:
        return self.guesses_from is not None and self.guesses_until is None

    @property
    def label(self) -> str:
        """For the audit log."""
        return f"{self.number} ({self.name})"

    def takes_guess(self, at: datetime) -> bool:
        """Whether a guess sent at this moment counts, no matter when it is handled. The second in
        which guessing opened counts completely, because Kick's times are whole seconds."""
        began, ended = self.guesses_from, self.guesses_until
        return (
            began is not None
            and began.replace(microsecond=0) <= at
            and (ended is None or at < ended)
        )


class Bonus(OptionalViewerRecord, kw_only=True):
    """A bonus of a hunt. The viewer is the one who requested the game."""

    __tablename__ = "bonus_hunt_bonuses"

    hunt: Mapped[int]
    position: Mapped[int] = mapped_column(comment="counts up within the hunt")
    slot: Mapped[str] = mapped_column(comment="the game's title, or what was typed")
    provider: Mapped[str] = mapped_column(default="")
    bet: Mapped[Decimal] = mapped_column(AMOUNT)
    payout: Mapped[Decimal | None] = optional("empty until it is opened", kind=AMOUNT)
    skipped: Mapped[bool] = flag()

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "hunt", "position", name="bonus_hunt_bonuses_numbered"),
        ForeignKeyConstraint(["guild_id", "hunt"], HUNT, name="bonus_hunt_bonuses_hunt"),
        viewer_key("bonus_hunt_bonuses_viewer"),
        CheckConstraint("bet > 0", name="bonus_hunt_bonuses_bet"),
        CheckConstraint("payout >= 0", name="bonus_hunt_bonuses_payout"),
    )

    @property
    def line(self) -> Line:
        """The part that the figures need."""
        return Line(self.position, self.bet, self.payout, self.skipped)


class Guess(ViewerRecord, kw_only=True):
    """The last guess of a viewer."""

    __tablename__ = "bonus_hunt_guesses"

    hunt: Mapped[int]
    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    amount: Mapped[Decimal] = mapped_column(AMOUNT)
    at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "hunt", "viewer_id", name="bonus_hunt_guesses_once"),
        ForeignKeyConstraint(["guild_id", "hunt"], HUNT, name="bonus_hunt_guesses_hunt"),
        viewer_key("bonus_hunt_guesses_viewer"),
    )


class Step(GuildRecord, kw_only=True):
    """A step of a hunt, with the state before it. Undoing it deletes the row."""

    __tablename__ = "bonus_hunt_steps"

    hunt: Mapped[int]
    number: Mapped[int] = mapped_column(comment="counts up within the hunt")
    act: Mapped[Act] = mapped_column(Text)
    position: Mapped[int | None] = mapped_column(comment="of the bonus, if it is about one")
    before: Mapped[dict[str, Any]] = mapped_column(
        JSONB, comment="the hunt and the bonus as they were; no bonus if there was none"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "hunt", "number", name="bonus_hunt_steps_numbered"),
        ForeignKeyConstraint(["guild_id", "hunt"], HUNT, name="bonus_hunt_steps_hunt"),
        one_of("act", Act, name="bonus_hunt_steps_act"),
    )
