"""What each followed channel should be subscribed to, read from the database."""

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
    """A plan for each channel. If several servers follow it, that of the server that allows most
    counts, because each event comes once for all of them."""
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


def keys_of(tx: Connection) -> dict[int, tuple[object, ...]]:
    """Twitch user id -> key of the account whose token to use, of those that are connected; of
    several servers' the one that was connected last. Renewing a token changes nothing here, or the
    socket would be opened again each time."""
    usable: dict[int, TwitchAccount] = {}
    for account in list_accounts(tx):
        best = usable.get(account.twitch_user_id)
        is_newer = best is None or best.connected_at < account.connected_at
        if account.state == "connected" and is_newer:
            usable[account.twitch_user_id] = account
    return {user_id: (one.guild_id, one.role) for user_id, one in usable.items()}
