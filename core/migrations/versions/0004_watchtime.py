"""Totals, corrections and exclusions of watchtime"""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

_CHAT_BOTS = (
    "BotRix, KickBot, KicksBot, StreamElements, Streamlabs, Nightbot, Fossabot, Moobot, Wizebot, "
    "MixItUp, Streamer.bot, Firebot, Lumia, CommanderRoot"
)


def upgrade() -> None:
    op.create_table(
        "watchtime_excluded_names",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False, comment="for comparing"),
        sa.Column("name", sa.Text(), nullable=False, comment="as the admin wrote it"),
        sa.Column(
            "excluded",
            sa.Boolean(),
            nullable=False,
            comment="no: this known chat bot may earn here after all",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id"], ["guilds.guild_id"], name="watchtime_excluded_names_guild"
        ),
        sa.PrimaryKeyConstraint(
            "guild_id", "folded_name", name="watchtime_excluded_names_one_a_name"
        ),
    )
    op.create_table(
        "watchtime_limits",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "holds_from", sa.DateTime(timezone=True), nullable=False, comment="until the next row's"
        ),
        sa.Column(
            "most",
            postgresql.INTERVAL(),
            nullable=True,
            comment="counted of a calendar day; empty for all of it",
        ),
        sa.Column("time_zone", sa.Text(), nullable=False, comment="whose midnights make the days"),
        sa.ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="watchtime_limits_guild"),
        sa.PrimaryKeyConstraint("guild_id", "holds_from", name="watchtime_limits_one_a_moment"),
    )
    op.create_table(
        "watchtime_adjustments",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "key", sa.Text(), nullable=False, comment="of the cause, so that it is counted once"
        ),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", postgresql.INTERVAL(), nullable=False, comment="negative takes away"),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("actor", sa.BigInteger(), nullable=False, comment="Discord id of who did it"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.CheckConstraint("amount <> INTERVAL '0'", name="watchtime_adjustments_change_something"),
        sa.CheckConstraint("reason <> ''", name="watchtime_adjustments_have_a_reason"),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="watchtime_adjustments_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "key", name="watchtime_adjustments_once_a_cause"),
    )
    op.create_index(
        "watchtime_adjustments_by_time", "watchtime_adjustments", ["guild_id", "at"], unique=False
    )
    op.create_index(
        "watchtime_adjustments_of_a_viewer",
        "watchtime_adjustments",
        ["guild_id", "viewer_id", "at"],
        unique=False,
    )
    op.create_table(
        "watchtime_exclusions",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "actor",
            sa.BigInteger(),
            nullable=True,
            comment="Discord id of who did it; empty for a known chat bot",
        ),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="watchtime_exclusions_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", name="watchtime_exclusions_one_a_viewer"),
    )
    op.create_table(
        "watchtime_totals",
        sa.Column("guild_id", sa.BigInteger(), nullable=False),
        sa.Column("viewer_id", sa.BigInteger(), nullable=False),
        sa.Column(
            "credited",
            postgresql.INTERVAL(),
            server_default="0",
            nullable=False,
            comment="sum of the days' watched",
        ),
        sa.Column(
            "adjusted",
            postgresql.INTERVAL(),
            server_default="0",
            nullable=False,
            comment="sum of the adjustments",
        ),
        sa.Column(
            "watched",
            postgresql.INTERVAL(),
            sa.Computed("GREATEST((credited + adjusted), '00:00:00'::interval)", persisted=True),
            nullable=False,
            comment="never below zero, also when a stream turns out shorter after time was taken away",
        ),
        sa.Column(
            "step",
            sa.Integer(),
            sa.Computed(
                "ceil(sqrt((date_part('epoch'::text, GREATEST((credited + adjusted), '00:00:00'::interval))"
                " / (15)::double precision)))::integer",
                persisted=True,
            ),
            nullable=False,
            comment="a coarse measure of watched that never falls while it rises; 0 where that is 0",
        ),
        sa.ForeignKeyConstraint(
            ["guild_id", "viewer_id"],
            ["people_viewers.guild_id", "people_viewers.viewer_id"],
            name="watchtime_totals_viewer",
        ),
        sa.PrimaryKeyConstraint("guild_id", "viewer_id", name="watchtime_totals_one_a_viewer"),
        postgresql_with={"fillfactor": 50},
    )
    op.create_index(
        "watchtime_totals_by_step", "watchtime_totals", ["guild_id", "step"], unique=False
    )
    op.add_column(
        "watchtime_days",
        sa.Column(
            "counted",
            postgresql.TSTZMULTIRANGE(),
            nullable=True,
            comment="the part of present * live that a daily limit left; empty where nothing was cut",
        ),
    )
    op.alter_column(
        "watchtime_days",
        "watched",
        existing_type=postgresql.INTERVAL(),
        comment="length of what counts, to the microsecond; always computed whole, never added",
        existing_comment="length of present * live, to the microsecond; always computed whole, never added",
        existing_nullable=False,
        existing_server_default=sa.text("'00:00:00'::interval"),
    )
    op.execute(
        "INSERT INTO watchtime_totals (guild_id, viewer_id, credited)"
        " SELECT guild_id, viewer_id, sum(watched) FROM watchtime_days"
        " GROUP BY guild_id, viewer_id HAVING sum(watched) > INTERVAL '0'"
    )
    _make_rows_of_the_list_of_names()


def _make_rows_of_the_list_of_names() -> None:
    """`watchtime.ignored_names` was a setting: a list that began with the known chat bots. What an
    admin put in is excluded, what an admin took out may earn."""
    for listed, other, excluded in (
        ("s.value #>> '{}'", ":bots", "true"),
        (":bots", "s.value #>> '{}'", "false"),
    ):
        op.execute(
            sa.text(
                "INSERT INTO watchtime_excluded_names (guild_id, folded_name, name, excluded)"
                f" SELECT s.guild_id, lower(one), one, {excluded} FROM guild_settings s,"
                f" LATERAL (SELECT ltrim(btrim(n), '@') AS one FROM regexp_split_to_table({listed}, ',') AS n) AS names"
                " WHERE s.key = 'watchtime.ignored_names' AND one <> '' AND lower(one) NOT IN"
                f" (SELECT lower(ltrim(btrim(n), '@')) FROM regexp_split_to_table({other}, ',') AS n)"
                " ON CONFLICT DO NOTHING"
            ).bindparams(bots=_CHAT_BOTS)
        )
    op.execute("DELETE FROM guild_settings WHERE key = 'watchtime.ignored_names'")
