"""What connecting has to say on the health page: one line for each server with a channel."""

from datetime import datetime

from sqlalchemy import Connection

from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kick.accounts import store
from core.kick.accounts.actions import PLATFORM
from core.kick.accounts.rules import missing_scopes, scope_words
from core.kick.accounts.store import Account
from core.kit.health_item import HealthItem, State


def check_health(tx: Connection, now: datetime) -> list[HealthItem]:
    """Who is connected, what was not allowed, what has to be done."""
    connected = {account.guild_id: account for account in store.list_accounts(tx)}
    return [
        HealthItem("Kick account", *_word(channel, connected, now), guild_id=channel.guild_id)
        for channel in guilds.list_channels(tx, PLATFORM)
    ]


def _word(channel: Channel, connected: dict[int, Account], now: datetime) -> tuple[State, str]:
    account = connected.get(channel.guild_id)
    if account is None:
        return "ok", f"Not connected. Connect {channel.slug} with /connect_kick."
    if account.kick_user_id != channel.channel_id:
        return (
            "warn",
            f"Connected as {account.name}, but the channel is {channel.slug}: connect it.",
        )
    if account.state == "reconnect":
        return "warn", f"Kick has ended the connection of {account.name}: run /connect_kick again."
    if account.expires_at <= now:
        return "warn", f"Connected as {account.name}, but its token could not be renewed yet."
    missing = ", ".join(scope_words(scope) for scope in missing_scopes(account.scopes))
    if missing:
        return "warn", f"Connected as {account.name}, without: {missing}. Run /connect_kick again."
    return "ok", f"Connected as {account.name}."
