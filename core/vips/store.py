"""Queries about VIPs, rewards, redemptions and the activity log."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, any_, func, literal, or_, select, text

from core.guilds.records import GuildChannel, StoredSetting
from core.kit.database.work import ACROSS_GUILDS, Work
from core.kit.errors import Refusal
from core.kit.text.words import _
from core.people.records import Viewer
from core.twitch.accounts.records import TwitchAccount
from core.twitch.bodies import MANAGE_REDEMPTIONS, MANAGE_VIPS
from core.vips.records import (
    LIVE,
    Activity,
    ChannelState,
    KnownVip,
    Redemption,
    Reward,
    Session,
)
from core.vips.rules import LIST_INTERVAL, SWEEP_INTERVAL, Slots

# -- servers --------------------------------------------------------------------------------------


def list_guilds(tx: Connection) -> Sequence[int]:
    """The servers whose streamer has allowed changing VIPs."""
    allowed = select(TwitchAccount.guild_id).where(
        TwitchAccount.role == "streamer", literal(MANAGE_VIPS) == any_(TwitchAccount.scopes)
    )
    return tx.scalars(allowed.order_by("guild_id"), execution_options=ACROSS_GUILDS).all()


_DUE = text(f"""
    SELECT a.guild_id
      FROM {TwitchAccount.__tablename__} AS a
      JOIN {GuildChannel.__tablename__} AS g ON g.guild_id = a.guild_id AND g.platform = 'twitch'
      LEFT JOIN vips_channels AS c ON c.guild_id = a.guild_id
      LEFT JOIN {StoredSetting.__tablename__} AS removes
             ON removes.guild_id = a.guild_id AND removes.key = 'vips.auto_remove'
      LEFT JOIN {StoredSetting.__tablename__} AS warns
             ON warns.guild_id = a.guild_id AND warns.key = 'vips.warn_percent'
     WHERE a.role = 'streamer' AND :manage_vips = ANY(a.scopes)
       AND (a.guild_id <> ALL(:seen) OR c.guild_id IS NULL OR c.vips_due
            OR coalesce(c.listed_at <= :list_before, true)
            OR :manage_redemptions = ANY(a.scopes)
               AND (c.rewards_due OR c.redemptions_due
                    OR coalesce(c.swept_at <= :sweep_before, true)
                    OR coalesce(c.rewards_listed_at <= :list_before, true)
                    OR c.full_until <= :now
                    OR EXISTS (SELECT FROM vips_rewards AS r
                                WHERE r.guild_id = a.guild_id AND r.is_pending AND r.is_ours
                                  AND coalesce(r.try_at <= :now, true)))
            OR c.leaving_by IS NOT NULL AND NOT EXISTS (
                   SELECT FROM vips_sessions AS s WHERE s.guild_id = a.guild_id
                      AND s.state IN ('granting', 'active', 'ending'))
            OR EXISTS (SELECT FROM vips_sessions AS s
                        WHERE s.guild_id = a.guild_id
                          AND (s.state IN ('granting', 'ending') AND s.try_at <= :now
                               OR s.state = 'active' AND s.ends_at <= :now
                                  AND removes.value IS DISTINCT FROM 'false'
                               OR s.state = 'active' AND s.ends_at > :now
                                  AND s.warned_at IS NULL AND warns.value <> '0'
                                  AND :now >= s.started_at
                                      + (s.ends_at - s.started_at) * warns.value::int / 100))
            OR EXISTS (SELECT FROM vips_redemptions AS p
                        WHERE p.guild_id = a.guild_id AND p.try_at <= :now
                          AND p.state IN ('received', 'granted', 'refunding'))
            OR EXISTS (SELECT FROM vips_redemptions AS p
                         JOIN vips_sessions AS s
                           ON s.guild_id = p.guild_id AND s.number = p.session
                        WHERE p.guild_id = a.guild_id AND p.state = 'granting'
                          AND s.state IN ('ended', 'failed')))
     ORDER BY a.guild_id
""")


def list_due_guilds(tx: Connection, now: datetime, seen: Collection[int]) -> Sequence[int]:
    """The servers that have something due, and those that are not in `seen`."""
    given = {
        "now": now,
        "seen": list(seen),
        "list_before": now - LIST_INTERVAL,
        "sweep_before": now - SWEEP_INTERVAL,
        "manage_vips": MANAGE_VIPS,
        "manage_redemptions": MANAGE_REDEMPTIONS,
    }
    return tx.scalars(_DUE, given, execution_options=ACROSS_GUILDS).all()


# -- sessions -------------------------------------------------------------------------------------


def get_session(work: Work, number: int) -> Session:
    """Raises Refusal if there is no such session."""
    session = work.find(Session, number)
    if session is None:
        raise Refusal(_("No VIP #{number}.").format(number=number))
    return session


def find_live(work: Work, viewer_id: int) -> Session | None:
    """This viewer's current session."""
    return work.scalar(
        select(Session).where(Session.viewer_id == viewer_id, Session.state.in_(LIVE))
    )


def list_live(work: Work) -> Sequence[Session]:
    """The current sessions, by their end."""
    live = select(Session).where(Session.state.in_(LIVE))
    return work.scalars(live.order_by(Session.ends_at.asc().nulls_last(), Session.number)).all()


_IS_MANUAL = KnownVip.viewer_id.not_in(select(Session.viewer_id).where(Session.state.in_(LIVE)))


def list_manual(work: Work) -> Sequence[KnownVip]:
    """The VIPs who were added on Twitch, by name."""
    found = work.scalars(select(KnownVip).where(_IS_MANUAL)).all()
    return sorted(found, key=lambda vip: vip.viewer_name.casefold())


def list_sessions(work: Work, viewer_id: int) -> Sequence[Session]:
    """Every session of a viewer, newest first."""
    theirs = select(Session).where(Session.viewer_id == viewer_id)
    return work.scalars(theirs.order_by(Session.number.desc())).all()


def count_slots(work: Work) -> Slots:
    """How many VIP slots are taken, as far as we know."""
    state = work.find(ChannelState)
    return Slots(
        work.count(_IS_MANUAL),
        work.count(Session.state.in_(LIVE)),
        state.full_at if state else None,
    )


def list_due_sessions(work: Work, state: str, maximum: int) -> Sequence[Session]:
    """Sessions that wait for Twitch, longest waiting first."""
    due = select(Session).where(Session.state == state, Session.try_at <= work.now)
    return work.scalars(due.order_by(Session.try_at, Session.number).limit(maximum)).all()


def has_other_session(tx: Connection, session: Session) -> bool:
    """Whether another server that follows the same channel has made this viewer VIP."""
    other = select(Session.number).where(
        Session.channel_id == session.channel_id,
        Session.twitch_user_id == session.twitch_user_id,
        Session.guild_id != session.guild_id,
        Session.state.in_(("granting", "active")),
    )
    return tx.scalar(other.limit(1), execution_options=ACROSS_GUILDS) is not None


def viewer_of(work: Work, platform_user_id: int) -> int | None:
    """The viewer id of a Twitch account, if it is stored."""
    theirs = select(Viewer.viewer_id).where(
        Viewer.platform == "twitch", Viewer.platform_user_id == platform_user_id
    )
    return work.scalar(theirs)


# -- rewards and redemptions ----------------------------------------------------------------------


def get_reward(work: Work, number: int) -> Reward:
    """Raises Refusal if there is no such reward."""
    reward = work.find(Reward, number)
    if reward is None or reward.state == "removed":
        raise Refusal(_("No reward #{number}.").format(number=number))
    return reward


def list_rewards(work: Work, *, used_only: bool = False) -> Sequence[Reward]:
    """The rewards of the channel, also those that were created elsewhere."""
    found = select(Reward).where(Reward.state != "removed").order_by(Reward.number)
    if used_only:
        found = found.where(Reward.is_used)
    return work.scalars(found).all()


def list_due_rewards(work: Work) -> Sequence[Reward]:
    """Rewards with a change to send to Twitch now."""
    due = select(Reward).where(
        *(Reward.is_pending, Reward.is_ours),
        or_(Reward.try_at.is_(None), Reward.try_at <= work.now),
    )
    return work.scalars(due.order_by(Reward.number)).all()


def find_own_reward(work: Work, redemption: Redemption) -> Reward | None:
    """The reward of a redemption that we can decide on Twitch."""
    reward = work.find(Reward, redemption.reward)
    if reward is None or redemption.is_final or not reward.is_ours:
        return None
    return reward if reward.state in ("on", "deleting") else None


def find_reward(work: Work, reward_id: str) -> Reward | None:
    """The reward with Twitch's id."""
    return work.scalar(select(Reward).where(Reward.reward_id == reward_id))


def list_due_redemptions(work: Work, state: str, maximum: int) -> Sequence[Redemption]:
    """Redemptions that wait for us or Twitch, the oldest first."""
    due = select(Redemption).where(Redemption.state == state, Redemption.try_at <= work.now)
    by_time = due.order_by(Redemption.redeemed_at, Redemption.redemption_id)
    return work.scalars(by_time.limit(maximum)).all()


def redeemed_last(work: Work, redemption: Redemption) -> datetime | None:
    """When this viewer got VIP for a redemption before this one."""
    earlier = select(func.max(Redemption.redeemed_at)).where(
        Redemption.viewer_id == redemption.viewer_id,
        Redemption.redemption_id != redemption.redemption_id,
        Redemption.redeemed_at <= redemption.redeemed_at,
        Redemption.result != "",
    )
    return work.scalar(earlier)


def waiting_for(work: Work, session: int) -> Sequence[Redemption]:
    """The redemptions that wait for Twitch to confirm this session."""
    waiting = select(Redemption).where(
        Redemption.session == session, Redemption.state == "granting"
    )
    return work.scalars(waiting.order_by(Redemption.redeemed_at)).all()


# -- the activity log -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class ActivityFilter:
    """What to show of the activity log; empty for all.

    Attributes:
        before: number of an entry; only older ones.
    """

    viewer_id: int | None = None
    act: str = ""
    source: str = ""
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None


def list_activity(
    work: Work, wanted: ActivityFilter | None = None, maximum: int = 100
) -> Sequence[Activity]:
    """Entries of the log, newest first."""
    wanted = wanted or ActivityFilter()
    found = select(Activity).order_by(Activity.number.desc()).limit(maximum)
    if wanted.viewer_id is not None:
        found = found.where(Activity.viewer_id == wanted.viewer_id)
    if wanted.act:
        found = found.where(Activity.act == wanted.act)
    if wanted.source:
        found = found.where(Activity.source == wanted.source)
    if wanted.since is not None:
        found = found.where(Activity.at >= wanted.since)
    if wanted.until is not None:
        found = found.where(Activity.at < wanted.until)
    if wanted.before is not None:
        found = found.where(Activity.number < wanted.before)
    return work.scalars(found).all()
