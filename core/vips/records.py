"""VIP sessions, the channel-point rewards that sell them, redemptions, and the activity log."""

from datetime import datetime
from typing import Any, Literal

from sqlalchemy import (
    ARRAY,
    CheckConstraint,
    DateTime,
    ForeignKeyConstraint,
    Index,
    PrimaryKeyConstraint,
    Text,
    false,
    text,
    true,
)
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.orm import Mapped, mapped_column

from core.kit.database.personal import ADMINS_ANSWER, holds
from core.kit.database.records import (
    GuildRecord,
    MemberId,
    PlatformUserId,
    Record,
    ViewerId,
    one_of,
)
from core.people.records import OptionalViewerRecord, ViewerRecord, viewer_key

Source = Literal[
    "reward", "manual", "adopted", "subscription", "bits", "raffle", "watchtime", "points"
]
"""Why a viewer is a VIP. `adopted`: added on Twitch, and a moderator set an end."""

SessionState = Literal["granting", "active", "ending", "ended", "failed"]
"""`granting` and `ending` wait for Twitch; `failed` was never VIP."""

EndReason = Literal[
    "",
    "expired",
    "revoked",
    "removed_on_twitch",
    "moderator",
    "unsubscribed",
    "withdrawn",
    "left",
    "disconnected",
    "forgotten",
    "already_vip",
    "broadcaster",
    "unknown",
    "refused",
    "full",
    "locked",
]
"""Why a session ended or failed. `locked`: the channel has no VIPs yet; `refused`: Twitch does not
allow it for this person, for example because of a ban; `withdrawn`: the points were refunded on
Twitch; `left`: the channel was disconnected or changed, and VIP stays on Twitch; `disconnected`:
VIP was removed before that."""

RewardState = Literal["creating", "on", "deleting", "deleted", "removed"]
"""`deleted`: it was deleted on Twitch; `removed`: we deleted it."""

Pause = Literal["no", "hand", "full", "locked"]
"""`hand` is resumed by hand; `full` is resumed when a slot is free."""

RedemptionState = Literal[
    "received", "granting", "granted", "fulfilled", "refunding", "refunded", "closed"
]
"""`granted` waits to be fulfilled on Twitch, `refunding` to be cancelled; `closed` was decided on
Twitch, or belongs to a reward that is not ours."""

Result = Literal["", "granted", "extended"]

Act = Literal[
    "granted",
    "extended",
    "ended",
    "failed",
    "adopted",
    "kept",
    "refunded",
    "lost",
    "warned",
]
"""The type of an activity log entry. `kept`: VIP stays on Twitch, but the bot no longer manages it;
`lost`: channel points were spent and cannot be refunded."""

Change = Literal["add", "remove"]

LIVE = ("granting", "active", "ending")
"""States in which a viewer has VIP from the bot, or is about to get it."""


class Reward(GuildRecord, kw_only=True):
    """A channel-point reward. Changes are stored here before they are sent to Twitch."""

    __tablename__ = "vips_rewards"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    reward_id: Mapped[str | None] = mapped_column(
        default=None, comment="Twitch's; empty until created"
    )
    state: Mapped[RewardState] = mapped_column(Text, default="creating", server_default="creating")
    pause: Mapped[Pause] = mapped_column(Text, default="no", server_default="no")
    is_ours: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="no: created elsewhere, so never refundable"
    )
    is_used: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="redemptions make people VIP"
    )
    skips_queue: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="on Twitch: points are spent at once, and cannot be returned",
    )
    is_enabled: Mapped[bool] = mapped_column(default=True, server_default=true())
    title: Mapped[str]
    cost: Mapped[int]
    prompt: Mapped[str] = mapped_column(default="", server_default="")
    colour: Mapped[str] = mapped_column(default="#9147FF", server_default="#9147FF")
    minutes: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="of VIP; 0 for the server's default"
    )
    max_per_stream: Mapped[int] = mapped_column(default=0, server_default="0", comment="0: any")
    max_per_user: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="in a stream; 0: any"
    )
    cooldown_seconds: Mapped[int] = mapped_column(default=0, server_default="0")
    is_pending: Mapped[bool] = mapped_column(
        default=True, server_default=true(), comment="Twitch does not know the newest change"
    )
    version: Mapped[int] = mapped_column(
        default=1, server_default="1", comment="counts changes, so that none is missed"
    )
    trouble: Mapped[str] = mapped_column(
        default="", server_default="", comment="why Twitch refused the newest change"
    )
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    try_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="of the next call to Twitch; empty: now"
    )
    created_by: Mapped[MemberId] = mapped_column(
        info=holds("number", stays=ADMINS_ANSWER), comment="Discord id of the admin; 0: Twitch"
    )
    created_at: Mapped[datetime]

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="vips_rewards_numbered"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="vips_rewards_guild"),
        one_of("state", RewardState, name="vips_rewards_state"),
        one_of("pause", Pause, name="vips_rewards_pause"),
        CheckConstraint("cost > 0", name="vips_rewards_cost"),
        Index("vips_rewards_once", "guild_id", "reward_id", unique=True),
    )


class Session(ViewerRecord, kw_only=True):
    """A viewer's limited VIP from the bot."""

    __tablename__ = "vips_sessions"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    twitch_user_id: Mapped[PlatformUserId] = mapped_column(info=holds("number"))
    channel_id: Mapped[PlatformUserId] = mapped_column(comment="of the Twitch channel")
    source: Mapped[Source] = mapped_column(Text)
    state: Mapped[SessionState] = mapped_column(Text, default="granting")
    minutes: Mapped[int | None] = mapped_column(
        comment="in all; empty while somebody is VIP as long as they subscribe"
    )
    asked_at: Mapped[datetime] = mapped_column(comment="when it was decided")
    started_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when Twitch confirmed it"
    )
    ends_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_at: Mapped[datetime | None] = mapped_column(default=None)
    end_reason: Mapped[EndReason] = mapped_column(Text, default="", server_default="")
    granted_by: Mapped[MemberId] = mapped_column(
        info=holds("number", stays=ADMINS_ANSWER), comment="Discord id; 0: the bot"
    )
    ended_by: Mapped[MemberId | None] = mapped_column(
        default=None, info=holds("number", stays=ADMINS_ANSWER)
    )
    purchases: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        default_factory=list,
        server_default="{}",
        comment="keys of purchases with points that Twitch has not confirmed yet",
    )
    warned_at: Mapped[datetime | None] = mapped_column(default=None)
    is_unsure: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="a call to Twitch was begun, and may have had its effect",
    )
    called_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="when the last call to Twitch was begun"
    )
    trouble: Mapped[str] = mapped_column(
        default="", server_default="", comment="why the calls to Twitch fail"
    )
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    try_at: Mapped[datetime] = mapped_column(comment="of the next call to Twitch")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="vips_sessions_numbered"),
        viewer_key("vips_sessions_viewer"),
        one_of("source", Source, name="vips_sessions_source"),
        one_of("state", SessionState, name="vips_sessions_state"),
        one_of("end_reason", EndReason, name="vips_sessions_reason"),
        CheckConstraint(
            "ends_at IS NOT NULL OR minutes IS NULL OR state IN ('granting', 'failed', 'ended')",
            name="vips_sessions_end",
        ),
        Index(
            "vips_sessions_one_live",
            *("guild_id", "viewer_id"),
            unique=True,
            postgresql_where=text("state IN ('granting', 'active', 'ending')"),
        ),
        Index(
            "vips_sessions_due",
            *("guild_id", "try_at"),
            postgresql_where=text("state IN ('granting', 'ending')"),
        ),
        Index(
            "vips_sessions_expiring",
            *("guild_id", "ends_at"),
            postgresql_where=text("state = 'active'"),
        ),
        Index("vips_sessions_of_channel", "channel_id", "twitch_user_id"),
    )

    @property
    def is_live(self) -> bool:
        return self.state in LIVE


class Redemption(ViewerRecord, kw_only=True):
    """A viewer redeemed one of the rewards."""

    __tablename__ = "vips_redemptions"

    redemption_id: Mapped[str]
    reward: Mapped[int] = mapped_column(comment="its number")
    cost: Mapped[int]
    minutes: Mapped[int] = mapped_column(
        default=0, server_default="0", comment="of VIP, once it is decided"
    )
    redeemed_at: Mapped[datetime]
    state: Mapped[RedemptionState] = mapped_column(Text, default="received")
    result: Mapped[Result] = mapped_column(Text, default="", server_default="")
    reason: Mapped[str] = mapped_column(
        default="", server_default="", comment="why it is refunded; see `rules.Reason`"
    )
    session: Mapped[int | None] = mapped_column(default=None, comment="number of the session")
    is_final: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="it skipped the queue: the points are spent and cannot be returned",
    )
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    trouble: Mapped[str] = mapped_column(
        default="", server_default="", comment="why the calls to Twitch fail"
    )
    attempts: Mapped[int] = mapped_column(default=0, server_default="0")
    try_at: Mapped[datetime] = mapped_column(comment="of the next call to Twitch")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "redemption_id", name="vips_redemptions_once"),
        viewer_key("vips_redemptions_viewer"),
        one_of("state", RedemptionState, name="vips_redemptions_state"),
        one_of("result", Result, name="vips_redemptions_result"),
        Index(
            "vips_redemptions_due",
            *("guild_id", "try_at"),
            postgresql_where=text("state IN ('received', 'granted', 'refunding')"),
        ),
        Index("vips_redemptions_of_viewer", "guild_id", "viewer_id", "redeemed_at"),
        Index(
            "vips_redemptions_of_session",
            *("guild_id", "session"),
            postgresql_where=text("state = 'granting'"),
        ),
    )


class Activity(OptionalViewerRecord, kw_only=True):
    """An entry of the activity log, which is append-only."""

    __tablename__ = "vips_activity"

    number: Mapped[int] = mapped_column(comment="counts up within the server")
    at: Mapped[datetime]
    act: Mapped[Act] = mapped_column(Text)
    actor: Mapped[MemberId] = mapped_column(
        info=holds("number", stays=ADMINS_ANSWER), comment="Discord id; 0: the bot"
    )
    by_streamer: Mapped[bool] = mapped_column(
        default=False,
        server_default=false(),
        comment="the streamer did it, signed in with Twitch; the actor is 0 then",
    )
    session: Mapped[int | None] = mapped_column(default=None)
    source: Mapped[str] = mapped_column(default="", server_default="", comment="of the session")
    minutes: Mapped[int | None] = mapped_column(default=None, comment="that were added")
    ends_at: Mapped[datetime | None] = mapped_column(default=None)
    reward: Mapped[int | None] = mapped_column(default=None, comment="number of the reward")
    redemption_id: Mapped[str] = mapped_column(default="", server_default="")
    cost: Mapped[int] = mapped_column(default=0, server_default="0", comment="in channel points")
    reason: Mapped[str] = mapped_column(default="", server_default="")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "number", name="vips_activity_numbered"),
        viewer_key("vips_activity_viewer"),
        one_of("act", Act, name="vips_activity_act"),
        Index("vips_activity_by_time", "guild_id", "at"),
        Index("vips_activity_of_viewer", "guild_id", "viewer_id", "number"),
    )


class KnownVip(ViewerRecord, kw_only=True):
    """A VIP on Twitch's list when it was last fetched."""

    __tablename__ = "vips_known"

    viewer_id: Mapped[ViewerId] = mapped_column(info=holds("viewer", deletes_row=True))
    twitch_user_id: Mapped[PlatformUserId] = mapped_column(info=holds("number"))
    seen_at: Mapped[datetime] = mapped_column(comment="when they first were on the list")

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", "viewer_id", name="vips_known_once"),
        viewer_key("vips_known_viewer"),
    )


class ChannelState(GuildRecord, kw_only=True):
    """The state of a server's channel, and what to fetch from Twitch next."""

    __tablename__ = "vips_channels"

    vips_due: Mapped[bool] = mapped_column(default=True, server_default=true())
    rewards_due: Mapped[bool] = mapped_column(default=True, server_default=true())
    redemptions_due: Mapped[bool] = mapped_column(default=True, server_default=true())
    listed_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="from when its VIPs are listed again after a while"
    )
    rewards_listed_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="the same of its rewards"
    )
    swept_at: Mapped[datetime | None] = mapped_column(
        default=None, comment="the same of open redemptions"
    )
    full_at: Mapped[int | None] = mapped_column(
        default=None, comment="how many VIPs there were when Twitch had no slot left"
    )
    full_until: Mapped[datetime | None] = mapped_column(
        default=None, comment="when that is tried again"
    )
    failing: Mapped[dict[str, list[Any]]] = mapped_column(
        JSONB,
        default_factory=dict,
        server_default="{}",
        comment="list that Twitch does not give -> how often in a row, and why",
    )
    told: Mapped[list[str]] = mapped_column(
        ARRAY(Text),
        default_factory=list,
        server_default="{}",
        comment="the present problems that the admins were told about",
    )
    trouble: Mapped[str] = mapped_column(
        default="", server_default="", comment="what cannot be done on Twitch, and why"
    )
    trouble_since: Mapped[datetime | None] = mapped_column(default=None)
    leaving_by: Mapped[MemberId | None] = mapped_column(
        default=None,
        info=holds("number", stays=ADMINS_ANSWER),
        comment="who disconnects the channel once its VIPs have ended; 0: the streamer",
    )

    __table_args__ = (
        PrimaryKeyConstraint("guild_id", name="vips_channels_one"),
        ForeignKeyConstraint(["guild_id"], ["guilds.guild_id"], name="vips_channels_guild"),
    )


class Pace(Record, kw_only=True):
    """The newest changes of a channel's VIPs, counted across servers and processes."""

    __tablename__ = "vips_pace"

    channel_id: Mapped[PlatformUserId]
    change: Mapped[Change] = mapped_column(Text)
    made: Mapped[list[datetime]] = mapped_column(
        ARRAY(DateTime(timezone=True)), comment="when each was made"
    )

    __table_args__ = (
        PrimaryKeyConstraint("channel_id", "change", name="vips_pace_one_a_change"),
        one_of("change", Change, name="vips_pace_change"),
    )
