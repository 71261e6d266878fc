"""Periods, what was announced about them, the ledger of tickets, and the balances that the ledger
adds up to."""

from sqlalchemy import (
    DDL,
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    func,
    text,
)
from sqlalchemy.dialects.postgresql import ExcludeConstraint

from core.kit.database import METADATA
from core.kit.personal import ADMINS_ANSWER, holds

_PROOF = "tickets are proved by their entries"

periods = Table(
    "raffle_periods",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("number", Integer, nullable=False, comment="counts up within the server"),
    Column("starts_at", DateTime(timezone=True), nullable=False),
    Column("ends_at", DateTime(timezone=True), nullable=False, comment="the first instant after"),
    Column(
        "ends_with_month",
        Boolean,
        nullable=False,
        server_default="false",
        comment="its end was midnight of a 1st in the server's time zone when it was chosen",
    ),
    Column("state", Text, nullable=False, server_default="open"),
    Column("prize", Text, nullable=False),
    Column("winners_wanted", Integer, nullable=False),
    Column("sealed_seed", Text, nullable=False, comment="secret until the draw"),
    Column("sealed_salt", Text, nullable=False, comment="secret for good: makes the pseudonyms"),
    Column("commitment", Text, nullable=False, comment="SHA-256 of the seed, in hex"),
    Column("public_id", Text, nullable=False, comment="in the address of its public page"),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("frozen_at", DateTime(timezone=True)),
    Column("drawn_at", DateTime(timezone=True)),
    Column("closed_at", DateTime(timezone=True)),
    PrimaryKeyConstraint("guild_id", "number", name="raffle_periods_numbered"),
    UniqueConstraint("public_id", name="raffle_periods_public_id"),
    ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="raffle_periods_guild"),
    # At any instant at most one period runs, so a ticket's instant tells its period. The next one
    # may be open while this one waits for its late events. A range around the server's number
    # stands for equality, which saves an extension.
    ExcludeConstraint(
        (func.int8range(text("guild_id"), text("guild_id"), text("'[]'")), "&&"),
        (func.tstzrange(text("starts_at"), text("ends_at")), "&&"),
        name="raffle_periods_apart",
    ),
    CheckConstraint("starts_at <= ends_at", name="raffle_periods_in_order"),
    CheckConstraint("state IN ('open', 'frozen', 'drawn', 'closed')", name="raffle_periods_state"),
    CheckConstraint("winners_wanted > 0", name="raffle_periods_winners"),
)

_PERIOD = ["raffle_periods.guild_id", "raffle_periods.number"]
_VIEWER = ["people_viewers.guild_id", "people_viewers.viewer_id"]

announcements = Table(
    "raffle_announcements",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("period", Integer, nullable=False),
    Column("kind", Text, nullable=False),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("planned_at", DateTime(timezone=True), comment="of the freeze; empty of a freeze"),
    Column("chain", Text, comment="name of the beacon's chain; empty without beacon"),
    Column("round", BigInteger, comment="of the beacon; empty without beacon"),
    Column("round_at", DateTime(timezone=True), comment="when the round is published"),
    Column("snapshot_hash", Text, comment="of a frozen list, in hex"),
    PrimaryKeyConstraint("guild_id", "id", name="raffle_announcements_key"),
    ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_announcements_period"),
    CheckConstraint("kind IN ('opened', 'planned', 'frozen')", name="raffle_announcements_kind"),
    CheckConstraint(
        "(kind = 'frozen') = (snapshot_hash IS NOT NULL) "
        "AND (kind = 'frozen') = (planned_at IS NULL)",
        name="raffle_announcements_whole",
    ),
)
Index(
    "raffle_announcements_of_period",
    announcements.c.guild_id,
    announcements.c.period,
    announcements.c.id,
)

entries = Table(
    "raffle_entries",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("period", Integer, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column("source", Text, nullable=False),
    Column("amount", BigInteger, nullable=False, comment="tickets; negative takes away"),
    Column("source_key", Text, nullable=False, comment="natural key of the cause, counted once"),
    Column("reason", Text, nullable=False, server_default="", info=holds("text", stays=_PROOF)),
    Column(
        "actor",
        BigInteger,
        comment="Discord id of the admin, if one did it",
        info=holds("number", stays=ADMINS_ANSWER),
    ),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it was earned"),
    Column("posted_at", DateTime(timezone=True), nullable=False, server_default=func.now()),
    PrimaryKeyConstraint("guild_id", "id", name="raffle_entries_key"),
    UniqueConstraint("guild_id", "source_key", name="raffle_entries_once"),
    ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_entries_period"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="raffle_entries_viewer"),
    CheckConstraint(
        "source IN ('watchtime', 'gifted_sub', 'wager', 'bonus', 'correction')",
        name="raffle_entries_source",
    ),
    CheckConstraint("amount <> 0", name="raffle_entries_amount"),
)
Index(
    "raffle_entries_of_viewer",
    entries.c.guild_id,
    entries.c.period,
    entries.c.viewer_id,
    entries.c.id,
)

balances = Table(
    "raffle_balances",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("period", Integer, nullable=False),
    Column("viewer_id", BigInteger, nullable=False),
    Column("tickets", BigInteger, nullable=False, comment="the sum of the viewer's entries"),
    Column(
        "left_out",
        Boolean,
        nullable=False,
        server_default="false",
        comment="not in the frozen list, because not allowed to win at that moment",
    ),
    PrimaryKeyConstraint("guild_id", "period", "viewer_id", name="raffle_balances_once"),
    ForeignKeyConstraint(["guild_id", "period"], _PERIOD, name="raffle_balances_period"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="raffle_balances_viewer"),
    CheckConstraint("tickets >= 0", name="raffle_balances_never_below_zero"),
)

# The database itself holds the two promises on which the draw stands, even against a caller of ours
# that is mistaken. The row lock makes an entry wait for a freeze that is under way, and the other
# way round (`store.lock_period`).
ENTRIES_ONLY_WHILE_OPEN = """
    CREATE OR REPLACE FUNCTION raffle_entries_only_while_open() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        PERFORM FROM raffle_periods
          WHERE guild_id = NEW.guild_id AND number = NEW.period AND state = 'open'
            FOR KEY SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'this period takes no more tickets'
                USING ERRCODE = 'check_violation', CONSTRAINT = 'raffle_entries_only_while_open';
        END IF;
        RETURN NEW;
    END $$;
    CREATE OR REPLACE TRIGGER raffle_entries_only_while_open
    BEFORE INSERT ON raffle_entries
    FOR EACH ROW EXECUTE FUNCTION raffle_entries_only_while_open();
"""
ENTRIES_FOR_GOOD = """
    CREATE OR REPLACE FUNCTION raffle_entries_for_good() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'entries are neither changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'raffle_entries_for_good';
    END $$;
    CREATE OR REPLACE TRIGGER raffle_entries_for_good
    BEFORE UPDATE OR DELETE OR TRUNCATE ON raffle_entries
    FOR EACH STATEMENT EXECUTE FUNCTION raffle_entries_for_good();
"""
event.listen(entries, "after_create", DDL(ENTRIES_ONLY_WHILE_OPEN))  # type: ignore[no-untyped-call]
event.listen(entries, "after_create", DDL(ENTRIES_FOR_GOOD))  # type: ignore[no-untyped-call]

# What was published is as permanent as an entry. A trigger names the columns that never change,
# those that are filled in once, and those that can only be emptied.
KEPT = """
    CREATE OR REPLACE FUNCTION raffle_kept() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        IF TG_OP = 'UPDATE' AND NOT EXISTS (
            SELECT FROM jsonb_each(to_jsonb(OLD)) AS was JOIN jsonb_each(to_jsonb(NEW)) AS becomes
             USING (key)
             WHERE was.value <> becomes.value
               AND (key = ANY(string_to_array(TG_ARGV[0], ' '))
                    OR key = ANY(string_to_array(TG_ARGV[1], ' ')) AND was.value <> 'null'
                    OR key = ANY(string_to_array(TG_ARGV[2], ' ')) AND becomes.value <> 'null'))
        THEN
            RETURN NEW;
        END IF;
        RAISE EXCEPTION USING
            MESSAGE = TG_TABLE_NAME || ': what was published is neither changed nor deleted',
            ERRCODE = 'check_violation', CONSTRAINT = TG_NAME;
    END $$;
"""
PERIODS_KEPT = """
    CREATE OR REPLACE TRIGGER raffle_periods_kept
    BEFORE UPDATE OR DELETE ON raffle_periods FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id number sealed_seed sealed_salt commitment public_id opened_at', '', '');
    CREATE OR REPLACE TRIGGER raffle_periods_kept_once_frozen
    BEFORE UPDATE ON raffle_periods FOR EACH ROW
    WHEN (OLD.frozen_at IS NOT NULL) EXECUTE FUNCTION raffle_kept(
        'starts_at ends_at prize winners_wanted frozen_at', 'drawn_at', '');
    CREATE OR REPLACE TRIGGER raffle_periods_never_back
    BEFORE UPDATE ON raffle_periods FOR EACH ROW
    WHEN (OLD.state <> 'open' AND NEW.state = 'open'
          OR OLD.state IN ('drawn', 'closed') AND NEW.state = 'frozen'
          OR OLD.state = 'closed' AND NEW.state = 'drawn')
    EXECUTE FUNCTION raffle_kept('state', '', '');
    CREATE OR REPLACE TRIGGER raffle_periods_never_emptied
    BEFORE TRUNCATE ON raffle_periods FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
"""
ANNOUNCEMENTS_KEPT = """
    CREATE OR REPLACE TRIGGER raffle_announcements_kept
    BEFORE UPDATE OR DELETE ON raffle_announcements FOR EACH ROW EXECUTE FUNCTION raffle_kept(
        'guild_id id period kind at planned_at chain round round_at snapshot_hash', '', '');
    CREATE OR REPLACE TRIGGER raffle_announcements_never_emptied
    BEFORE TRUNCATE ON raffle_announcements FOR EACH STATEMENT EXECUTE FUNCTION raffle_kept();
"""
event.listen(periods, "after_create", DDL(KEPT + PERIODS_KEPT))  # type: ignore[no-untyped-call]
event.listen(announcements, "after_create", DDL(ANNOUNCEMENTS_KEPT))  # type: ignore[no-untyped-call]
