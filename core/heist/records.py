"""Heists and who took part."""

import json
from datetime import datetime
from typing import Literal

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Text,
    UniqueConstraint,
    event,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from core.heist.rules import HeistSettings, Reason, Risk, Tier
from core.kit.database.personal import PSEUDONYMOUS, holds
from core.kit.database.records import GuildRecord, one_of
from core.outbox.records import LiveMessage
from core.people.records import OptionalViewerRecord, ViewerRecord, viewer_key
from core.tiers.badges import Tier as KnownTier

State = Literal["open", "locked", "resolving", "paying", "cooldown", "done", "cancelled"]
"""`open` to join; `locked`: waiting for the beacon; `resolving`: the beacon's number is known;
`paying`: the results are known; `cooldown`: all winners were paid; `done`: the next heist can
start."""

PlayerState = Literal["pending", "in", "refused"]
"""`pending`: the provider of points has not answered yet."""

End = Literal["moderator", "nobody", "few", "beacon", "wrong"]
"""Why a heist was cancelled. `wrong`: the stored data differs from what was published, or cannot be
decrypted."""

RUNNING = ("open", "locked", "resolving", "paying")


class Heist(OptionalViewerRecord, LiveMessage, kw_only=True):
    """A heist and its live message. The viewer is the one who started it in chat."""

    __tablename__ = "heists"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    state: Mapped[State] = mapped_column(Text, default="open")
    opened_at: Mapped[datetime]
    closes_at: Mapped[datetime]
    terms: Mapped[str] = mapped_column(repr=False, comment="the settings at its opening, as JSON")
    sealed_seed: Mapped[str] = mapped_column(repr=False, comment="published with the result")
    sealed_salt: Mapped[str] = mapped_column(repr=False, comment="hides accounts in the list")
    commitment: Mapped[str] = mapped_column(comment="SHA-256 of the seed, in hex")
    locked_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when joining was over and stakes were asked for"
    )
    frozen_at: Mapped[datetime | None] = mapped_column(default=None)
    snapshot: Mapped[str | None] = mapped_column(default=None, repr=False)
    snapshot_hash: Mapped[str | None] = mapped_column(default=None, comment="SHA-256, in hex")
    chain: Mapped[str | None] = mapped_column(default=None, comment="the beacon's")
    round: Mapped[int | None] = mapped_column(default=None)
    round_at: Mapped[datetime | None] = mapped_column(default=None)
    randomness: Mapped[str | None] = mapped_column(default=None, comment="the round's, in hex")
    signature: Mapped[str | None] = mapped_column(default=None, comment="the round's, in hex")
    players: Mapped[int] = mapped_column(default=0, comment="of the frozen list")
    staked: Mapped[int] = mapped_column(BigInteger, default=0)
    won: Mapped[int] = mapped_column(default=0, comment="how many players won")
    paid: Mapped[int] = mapped_column(BigInteger, default=0)
    end: Mapped[End | None] = mapped_column(Text, default=None, comment="why it was cancelled")
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    ready_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when the next one can start"
    )
    is_unpaid: Mapped[bool] = mapped_column(
        default=False, comment="the provider of points has not confirmed the whole payout yet"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="heists_numbered"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="heists_guild"),
        viewer_key("heists_starter"),
        one_of("state", State, name="heists_state"),
        Index(
            "heists_one_running",
            "guild_id",
            unique=True,
            postgresql_where=text(f"state IN {RUNNING!r}"),
        ),
        Index(
            "heists_under_way",
            "state",
            postgresql_where=text("state NOT IN ('done', 'cancelled')"),
        ),
    )

    @property
    def settings(self) -> HeistSettings:
        """The settings when it was opened. Later changes apply to the next heist."""
        terms = json.loads(self.terms)
        return HeistSettings(
            **{name: terms[name] for name in HeistSettings.declared if name in terms}
        )

    @property
    def is_decided(self) -> bool:
        """Whether results are known."""
        return self.state in ("paying", "cooldown", "done")


# The database refuses changes to what was published, even if our own code has a bug.
_PROMISES = """
    CREATE OR REPLACE FUNCTION heists_kept() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'heists: what was published is not changed'
            USING ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
    CREATE OR REPLACE TRIGGER heists_kept BEFORE UPDATE ON heists FOR EACH ROW
    WHEN ((OLD.number, OLD.opened_at, OLD.terms, OLD.sealed_seed, OLD.sealed_salt, OLD.commitment)
          IS DISTINCT FROM
          (NEW.number, NEW.opened_at, NEW.terms, NEW.sealed_seed, NEW.sealed_salt, NEW.commitment))
    EXECUTE FUNCTION heists_kept();
    CREATE OR REPLACE TRIGGER heists_kept_once_frozen BEFORE UPDATE ON heists FOR EACH ROW
    WHEN (OLD.snapshot IS NOT NULL AND
          (OLD.snapshot, OLD.snapshot_hash, OLD.frozen_at, OLD.chain, OLD.round, OLD.round_at)
          IS DISTINCT FROM
          (NEW.snapshot, NEW.snapshot_hash, NEW.frozen_at, NEW.chain, NEW.round, NEW.round_at))
    EXECUTE FUNCTION heists_kept();
"""
event.listen(Heist.__table__, "after_create", DDL(_PROMISES))  # type: ignore[no-untyped-call]


class Player(ViewerRecord, kw_only=True):
    """A viewer who joined a heist or was refused."""

    __tablename__ = "heist_players"

    heist: Mapped[int]
    state: Mapped[PlayerState] = mapped_column(Text)
    reason: Mapped[Reason | None] = mapped_column(Text, default=None, comment="of a refusal")
    platform: Mapped[str]
    joined_at: Mapped[datetime]
    stake: Mapped[int] = mapped_column(BigInteger, default=0)
    risk: Mapped[Risk] = mapped_column(Text, default="low")
    badge_tier: Mapped[KnownTier | None] = mapped_column(
        Text, default=None, comment="what the badges of the joining message said"
    )
    tier: Mapped[Tier | None] = mapped_column(Text, default=None, comment="that counts")
    pseudonym: Mapped[str | None] = mapped_column(
        default=None, info=holds("text", stays=PSEUDONYMOUS), comment="in the frozen list"
    )
    won: Mapped[bool | None] = mapped_column(default=None)
    multiplier: Mapped[int] = mapped_column(default=0, comment="in ten-thousandths")
    payout: Mapped[int] = mapped_column(BigInteger, default=0)
    owed: Mapped[int] = mapped_column(
        BigInteger, default=0, comment="what the provider of points refused to pay; admins decide"
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "heist", "viewer_id", name="heist_players_once"),
        ForeignKeyConstraint(
            ["guild_id", "heist"], ["heists.guild_id", "heists.number"], name="heist_players_heist"
        ),
        viewer_key("heist_players_viewer"),
        one_of("state", PlayerState, name="heist_players_state"),
        one_of("risk", Risk, name="heist_players_risk"),
        CheckConstraint("stake >= 0 AND payout >= 0 AND owed >= 0", name="heist_players_points"),
        Index("heist_players_owed", "guild_id", "heist", postgresql_where=text("owed > 0")),
        Index("heist_players_lately", "guild_id", "viewer_id", "joined_at"),
    )


class WidgetKey(GuildRecord, kw_only=True):
    """The key of a server's widget at StreamElements."""

    __tablename__ = "heist_widget_keys"

    digest: Mapped[str] = mapped_column(repr=False, comment="SHA-256")
    made_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="heist_widget_keys_one_a_server"),
        UniqueConstraint("digest", name="heist_widget_keys_digest"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="heist_widget_keys_guild"),
    )
