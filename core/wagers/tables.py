"""Accounts on affiliate platforms, what was counted with them, when the platforms were asked."""

from sqlalchemy import (
    DDL,
    BigInteger,
    CheckConstraint,
    Column,
    DateTime,
    ForeignKeyConstraint,
    Identity,
    Index,
    Integer,
    Numeric,
    PrimaryKeyConstraint,
    Table,
    Text,
    UniqueConstraint,
    event,
    text,
)

from core.kit.database import METADATA
from core.kit.personal import holds

_VIEWER = ["people_viewers.guild_id", "people_viewers.viewer_id"]
_LIVE = text("ended_at IS NULL")

accounts = Table(
    "wagers_accounts",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("account_id", BigInteger, Identity(always=True), nullable=False),
    Column("platform", Text, nullable=False, comment="where it is, such as shuffle"),
    Column("viewer_id", BigInteger, nullable=False, comment="whose account on Kick it belongs to"),
    Column(
        "discord_id",
        BigInteger,
        nullable=False,
        comment="the member who linked it",
        info=holds("number"),
    ),
    Column(
        "username",
        Text,
        nullable=False,
        comment="as written by whoever linked it",
        info=holds("name"),
    ),
    Column("folded_name", Text, nullable=False, comment="for comparing", info=holds("name")),
    Column("linked_at", DateTime(timezone=True), nullable=False),
    Column("verified_at", DateTime(timezone=True), comment="from then on it counts"),
    Column("verified_by", BigInteger, comment="Discord id of the admin", info=holds("number")),
    Column("campaign_code", Text, comment="folded; under which the total was read"),
    Column("total", Numeric, comment="all ever wagered, by the newest reading"),
    Column("seen_at", DateTime(timezone=True), comment="of the newest reading"),
    Column("fell_from", Numeric, comment="the total before it fell, until it reaches that again"),
    Column("fell_to", Numeric, comment="the total right after that fall"),
    Column("role_id", BigInteger, comment="the role that was asked for, while they have it"),
    Column(
        "role_holder",
        BigInteger,
        comment="Discord id of the member who has it",
        info=holds("number"),
    ),
    Column("role_refused_at", DateTime(timezone=True), comment="it could not be given"),
    Column("ended_at", DateTime(timezone=True)),
    Column("ended_by", BigInteger, comment="Discord id of who unlinked it", info=holds("number")),
    PrimaryKeyConstraint("guild_id", "account_id", name="wagers_accounts_key"),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="wagers_accounts_viewer"),
    CheckConstraint(
        "num_nulls(verified_at, verified_by, campaign_code, total, seen_at) IN (0, 5)",
        name="wagers_accounts_verified_by_a_reading",
    ),
    CheckConstraint("total >= 0", name="wagers_accounts_total"),
    CheckConstraint(
        "num_nulls(fell_from, fell_to) <> 1 AND fell_to < fell_from", name="wagers_accounts_fell"
    ),
    CheckConstraint("num_nulls(role_id, role_holder) <> 1", name="wagers_accounts_role"),
    CheckConstraint(
        "(ended_at IS NULL) = (ended_by IS NULL)", name="wagers_accounts_ended_by_somebody"
    ),
)
Index(
    "wagers_accounts_one_a_viewer",
    accounts.c.guild_id,
    accounts.c.platform,
    accounts.c.viewer_id,
    unique=True,
    postgresql_where=_LIVE,
)
Index(
    "wagers_accounts_one_a_name",
    accounts.c.guild_id,
    accounts.c.platform,
    accounts.c.folded_name,
    unique=True,
    postgresql_where=_LIVE,
)
Index("wagers_accounts_of_viewer", accounts.c.guild_id, accounts.c.viewer_id)

changes = Table(
    "wagers_changes",
    METADATA,
    Column("guild_id", BigInteger, nullable=False),
    Column("id", BigInteger, Identity(always=True), nullable=False),
    Column("account_id", BigInteger, nullable=False),
    Column("viewer_id", BigInteger, nullable=False, comment="whose it was when it was counted"),
    Column("kind", Text, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False, comment="of the reading before"),
    Column("at", DateTime(timezone=True), nullable=False, comment="when it was seen"),
    Column("total_before", Numeric, nullable=False),
    Column("total", Numeric, nullable=False, comment="which the platform told"),
    Column("amount", Numeric, nullable=False, comment="what counts as wagered"),
    Column("held", Numeric, nullable=False, comment="implausible; an admin decides"),
    Column("releases", BigInteger, comment="id of the row whose held amount an admin decided on"),
    PrimaryKeyConstraint("guild_id", "id", name="wagers_changes_key"),
    ForeignKeyConstraint(
        ["guild_id", "account_id"],
        ["wagers_accounts.guild_id", "wagers_accounts.account_id"],
        name="wagers_changes_account",
    ),
    ForeignKeyConstraint(["guild_id", "viewer_id"], _VIEWER, name="wagers_changes_viewer"),
    UniqueConstraint("guild_id", "releases", name="wagers_changes_released_once"),
    # Every row is proof of itself: what counts is what the total rose by, to the last digit.
    CheckConstraint(
        "CASE kind WHEN 'rise' THEN total > total_before AND amount + held = total - total_before"
        " WHEN 'fall' THEN total < total_before AND amount = 0 AND held = 0"
        " WHEN 'release' THEN total = total_before AND amount > 0 AND held = 0"
        " WHEN 'dismissal' THEN total = total_before AND amount = 0 AND held = 0"
        " ELSE false END",
        name="wagers_changes_exact",
    ),
    CheckConstraint("amount >= 0 AND held >= 0", name="wagers_changes_never_negative"),
    CheckConstraint(
        "(kind IN ('release', 'dismissal')) = (releases IS NOT NULL)",
        name="wagers_changes_release_of_a_row",
    ),
)
Index(
    "wagers_changes_once",
    changes.c.guild_id,
    changes.c.account_id,
    changes.c.at,
    unique=True,
    postgresql_where=changes.c.releases.is_(None),
)
Index("wagers_changes_of_viewer", changes.c.guild_id, changes.c.viewer_id, changes.c.at)
Index(
    "wagers_changes_odd",
    changes.c.guild_id,
    changes.c.id,
    postgresql_where=text("kind <> 'rise' OR held > 0"),
)

polls = Table(
    "wagers_polls",
    METADATA,
    Column("platform", Text, nullable=False),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text, nullable=False, server_default="", comment="why it failed"),
    Column("accounts", Integer, nullable=False, comment="in the answer"),
    Column("unreadable", Integer, nullable=False, comment="lines that make no sense"),
    Column("repeated", Integer, nullable=False, comment="lines of a name that was there before"),
    Column("next_at", DateTime(timezone=True), nullable=False, comment="not asked again before"),
    PrimaryKeyConstraint("platform", "asked_at", name="wagers_polls_key"),
    CheckConstraint("outcome IN ('ok', 'busy', 'failed')", name="wagers_polls_outcome"),
    comment="of the installation, whichever servers have accounts there",
)

# Tickets stand on these rows, so the database itself holds that they stay as they are.
CHANGES_FOR_GOOD = """
    CREATE OR REPLACE FUNCTION wagers_changes_for_good() RETURNS trigger
    LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'what was counted is neither changed nor deleted'
            USING ERRCODE = 'check_violation', CONSTRAINT = 'wagers_changes_for_good';
    END $$;
    CREATE OR REPLACE TRIGGER wagers_changes_for_good
    BEFORE UPDATE OR DELETE OR TRUNCATE ON wagers_changes
    FOR EACH STATEMENT EXECUTE FUNCTION wagers_changes_for_good();
"""
event.listen(changes, "after_create", DDL(CHANGES_FOR_GOOD))  # type: ignore[no-untyped-call]
