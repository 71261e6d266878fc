"""The subscriptions each followed channel should have, read from the database."""

from datetime import datetime
from typing import NamedTuple

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.store import list_accounts
from core.twitch.bodies import PLATFORM
from core.twitch.eventsub.rules import (
    ChannelPlan,
    Transport,
    best_accounts,
    plan_channel,
    within_limits,
)


def list_plans(tx: Connection, transport: Transport) -> list[ChannelPlan]:
    """A plan for each channel. If several servers follow it, the one that allows the most counts,
    because each event arrives once for all of them."""
    by_guild = best_accounts(list_accounts(tx))
    present = set(guilds.list_present(tx))
    plans: dict[int, ChannelPlan] = {}
    for channel in guilds.list_channels(tx, PLATFORM):
        if channel.guild_id not in present:
            continue
        streamer, bot = by_guild.get(channel.guild_id, (None, None))
        if streamer is not None and streamer.twitch_user_id != channel.channel_id:
            streamer = None
        plan = plan_channel(channel.channel_id, streamer, bot, transport)
        best = plans.get(channel.channel_id)
        if best is None or len(plan.wanted) > len(best.wanted):
            plans[channel.channel_id] = plan
    return within_limits(plans.values()) if transport == "websocket" else list(plans.values())


class Consent(NamedTuple):
    """The account that a socket uses, and when its owner agreed. It does not change when the token
    is refreshed, or the socket would reconnect each time."""

    key: tuple[object, ...]
    connected_at: datetime


def consents_of(tx: Connection) -> dict[int, Consent]:
    """Twitch user id -> the newest consent among its connected accounts."""
    usable: dict[int, TwitchAccount] = {}
    for account in list_accounts(tx):
        best = usable.get(account.twitch_user_id)
        is_newer = best is None or best.connected_at < account.connected_at
        if account.state == "connected" and is_newer:
            usable[account.twitch_user_id] = account
    return {
        user_id: Consent((account.guild_id, account.role), account.connected_at)
        for user_id, account in usable.items()
    }
