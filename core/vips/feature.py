"""Declares the VIP feature."""

from datetime import datetime, timedelta

from sqlalchemy import Connection, func, select

from core.events import (
    BitsCheered,
    EventsMissed,
    ModeratorAdded,
    PointsSpent,
    RaffleWon,
    RewardChanged,
    RewardRedeemed,
    SettingChanged,
    SubscriberReported,
    SubscriptionEnded,
    SubscriptionRenewed,
    SubscriptionStarted,
    VipAdded,
    VipRemoved,
)
from core.kit.database.privacy import personal_data
from core.kit.database.work import ACROSS_GUILDS, Work, chat_action, event_action, read_records
from core.kit.feature import ChatCommand, Feature, count_in
from core.kit.health_item import HealthItem
from core.kit.tasks import Task
from core.kit.text.words import N_, plural
from core.outbox.records import Outgoing
from core.outbox.transport import Receipt
from core.twitch.accounts.leaving import LEAVING
from core.vips import announcements, leaving, messages, sources
from core.vips.api import API
from core.vips.discord import VipButton, Vips, render_log
from core.vips.pages import PAGES
from core.vips.records import (
    Activity,
    ChannelState,
    KnownVip,
    Redemption,
    Reward,
    Session,
)
from core.vips.redemptions import on_redeemed
from core.vips.rules import VipSettings
from core.vips.runner import VipRunner

LATE_AFTER = timedelta(minutes=10)

LEAVING.append(leaving.VIPS)


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Channels with a problem, and changes that have been waiting for Twitch for too long."""
    broken = select(ChannelState).where(ChannelState.trouble != "")
    items = [
        HealthItem(
            "VIPs",
            "warn",
            state.trouble,
            (now - state.trouble_since).total_seconds() if state.trouble_since else None,
            guild_id=state.guild_id,
            age_of="trouble",
        )
        for state in read_records(tx, broken.execution_options(**ACROSS_GUILDS))
    ]
    late = (
        select(Session.guild_id, func.count())
        .where(
            Session.state.in_(("granting", "ending")),
            func.coalesce(Session.ends_at, Session.asked_at) < now - LATE_AFTER,
        )
        .group_by(Session.guild_id)
    )
    for guild_id, count in tx.execute(late, execution_options=ACROSS_GUILDS):
        text = f"{count} VIP changes have been waiting for Twitch for ten minutes."
        items.append(HealthItem("VIPs", "warn", text, guild_id=guild_id))
    return items


def record_warning(tx: Connection, message: Outgoing, receipt: Receipt, now: datetime) -> None:
    """See `Feature.settles`."""
    with Work(tx, message.guild_id, now=now) as work:
        announcements.record_warning(work, message, receipt)


FEATURE = Feature(
    "vips",
    offers=(sources.VIP_OFFER,),
    handlers={
        RewardRedeemed: event_action(on_redeemed),
        EventsMissed: event_action(sources.on_events_missed),
        RewardChanged: event_action(sources.on_reward_changed),
        PointsSpent: event_action(sources.on_points_spent),
        VipAdded: event_action(sources.on_vip_changed),
        VipRemoved: event_action(sources.on_vip_changed),
        ModeratorAdded: event_action(sources.on_vip_changed),
        SubscriptionStarted: event_action(sources.on_subscribed),
        SubscriptionRenewed: event_action(sources.on_subscribed),
        SubscriberReported: event_action(sources.on_gift_received),
        SubscriptionEnded: event_action(sources.on_unsubscribed),
        BitsCheered: event_action(sources.on_cheered),
        RaffleWon: event_action(sources.on_raffle_won),
        SettingChanged: event_action(sources.on_setting_changed),
    },
    cogs=(lambda _services: Vips(),),
    chat_commands=(
        ChatCommand(
            ("vip",),
            chat_action(sources.reply_with_time_left),
            usage="!vip",
            help="Shows how long your VIP lasts.",
        ),
    ),
    settings=tuple(VipSettings.declared.values()),
    tasks=(Task("vips.watchtime", lambda _settings: 300.0, sources.give_for_watchtime),),
    embeds={
        "vips.log": render_log,
        "vips.warning": messages.warning,
        "vips.alert": messages.alert,
    },
    settles={"vips.warning": record_warning},
    lines={
        "vips.line": messages.line,
        "vips.left": messages.left,
        "vips.loss": messages.loss,
    },
    buttons=(VipButton,),
    checks=(check_health,),
    runs=(VipRunner,),
    audit={
        **{f"vips.bot_{act}": messages.audit_line(act) for act in messages.AUDITED},
        "vips.end_all": N_("ended all VIPs of the bot, to disconnect Twitch"),
        "vips.give": N_("made {target} a VIP"),
        "vips.extend": N_("extended the VIP of {target} by {after_time}"),
        "vips.extend_all": N_("extended all VIPs ({target}) by {after_time}"),
        "vips.revoke": N_("removed the VIP of {target}"),
        "vips.adopt": N_("set an end date for the VIP of {target}"),
        "vips.reward_create": lambda _before, after: plural(
            "created the reward {{target}} for {count} point",
            "created the reward {{target}} for {count} points",
            count_in(after),
        ),
        "vips.reward_update": N_("changed the reward {target}"),
        "vips.reward_pause": N_("paused the reward {target}"),
        "vips.reward_resume": N_("resumed the reward {target}"),
        "vips.reward_delete": N_("deleted the reward {target}"),
        "vips.reward_use": N_("turned on VIP for the reward {target}"),
        "vips.reward_unuse": N_("turned off VIP for the reward {target}"),
    },
    dashboard=PAGES,
    api=API,
    personal=personal_data(
        Session,
        Redemption,
        Activity,
        KnownVip,
        Reward,
        before_forget=lambda work, subject: sources.end_before_forget(work, subject.viewer_ids),
    ),
)
