"""The statements about accounts, attempts and channels. Those that every round trip has are in
`core/kit/attempts.py`."""

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, and_, delete, func, insert, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from core.guilds.records import Guild, GuildChannel
from core.kick.accounts.rules import Follower
from core.kick.accounts.tables import accounts, attempts, channels
from core.kick.bodies import PLATFORM
from core.kit.records import table_of
from core.kit.work import ACROSS_GUILDS

guilds = table_of(Guild)
guild_channels = table_of(GuildChannel)

AccountState = Literal["connected", "reconnect"]
Source = Literal["site", "typed"]


@dataclass(frozen=True, slots=True)
class Account:
    """The streamer's account that is connected with a server.

    Attributes:
        state: `reconnect` when Kick has ended the grant and the streamer has to connect again.
        access_token: sealed; "" in the state `reconnect`.
        refresh_token: sealed; "" in the state `reconnect`.
        expires_at: of the access token.
        connected_by: Discord id of the admin who asked for it.
    """

    guild_id: int
    kick_user_id: int
    name: str
    scopes: tuple[str, ...]
    state: AccountState
    access_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_at: datetime
    connected_by: int
    connected_at: datetime
    refreshed_at: datetime


@dataclass(frozen=True, slots=True)
class KnownChannel:
    """What is known of the channel that streams for a server, beside its name and user id.

    Attributes:
        chosen_by: Discord id of the admin who chose it; None: the environment did.
        named: how the environment calls it.
        site_channel_id: the website's number for the channel, in feeds called `channel.<id>`.
        chatroom_from: who said what the chatroom is.
        checked_at: when the website was last asked.
        confirmed_at: when webhooks and the feed of this chatroom last showed the same line.
        reported_chatroom_id: the chatroom of which the admins were told that it is wrong.
        followed_since: when it was chosen.
        primary_since: when an admin made the server the channel's primary one.
    """

    guild_id: int
    broadcaster_user_id: int
    chosen_by: int | None
    named: str | None
    site_channel_id: int | None
    chatroom_id: int | None
    chatroom_from: Source | None
    checked_at: datetime | None
    confirmed_at: datetime | None
    reported_chatroom_id: int | None
    followed_since: datetime
    primary_since: datetime | None

    @property
    def is_chatroom_sure(self) -> bool:
        """Kick's website said so, or chat was seen on its feed."""
        return self.chatroom_from == "site" or self.confirmed_at is not None


# -- accounts -----------------------------------------------------------------------------------


def find_account(tx: Connection, guild_id: int) -> Account | None:
    """The account that is connected with this server."""
    found = tx.execute(select(accounts).where(accounts.c.guild_id == guild_id)).mappings().first()
    return _account(dict(found)) if found else None


def list_accounts(tx: Connection) -> list[Account]:
    """Every connected account, by server."""
    found = tx.execute(select(accounts).order_by(accounts.c.guild_id)).mappings()
    return [_account(dict(row)) for row in found]


def set_account(tx: Connection, account: Account) -> None:
    """Connect it, in the place of the one before."""
    values = _values(account)
    tx.execute(
        upsert(accounts)
        .values(**values)
        .on_conflict_do_update(constraint="kick_accounts_one_a_server", set_=values)
    )


def set_tokens(
    tx: Connection, before: Account, access: str, refresh: str, expires_at: datetime, now: datetime
) -> bool:
    """Put a new sealed pair in the place of that of `before`; False when it is no longer there."""
    changed = tx.execute(
        update(accounts)
        .where(*_still(before))
        .values(access_token=access, refresh_token=refresh, expires_at=expires_at, refreshed_at=now)
    )
    return changed.rowcount == 1


def set_reconnect(tx: Connection, before: Account) -> bool:
    """Kick has ended the grant; its tokens are forgotten. False when they are no longer there."""
    changed = tx.execute(
        update(accounts)
        .where(*_still(before))
        .values(state="reconnect", access_token="", refresh_token="")
    )
    return changed.rowcount == 1


def end_account(tx: Connection, guild_id: int) -> bool:
    """Forget the server's account."""
    return tx.execute(delete(accounts).where(accounts.c.guild_id == guild_id)).rowcount == 1


def _still(account: Account) -> tuple[Any, ...]:
    return (
        accounts.c.guild_id == account.guild_id,
        accounts.c.refresh_token == account.refresh_token,
        accounts.c.state == "connected",
    )


def _account(row: dict[str, Any]) -> Account:
    return Account(**{**row, "scopes": tuple(row["scopes"].split())})


def _values(account: Account) -> dict[str, Any]:
    values = {name: getattr(account, name) for name in accounts.c.keys()}  # noqa: SIM118
    return {**values, "scopes": " ".join(account.scopes)}


# -- attempts to connect ------------------------------------------------------------------------


def add_attempt(
    tx: Connection, link_id: str, guild_id: int, asked_by: int, asked_by_name: str, now: datetime
) -> None:
    """An admin has asked for a link."""
    tx.execute(
        insert(attempts).values(
            link_id=link_id,
            guild_id=guild_id,
            asked_by=asked_by,
            asked_by_name=asked_by_name,
            asked_at=now,
        )
    )


# -- channels -----------------------------------------------------------------------------------


def find_known_channel(tx: Connection, guild_id: int) -> KnownChannel | None:
    """What is known of the server's channel."""
    row = tx.execute(select(channels).where(channels.c.guild_id == guild_id)).mappings().first()
    return KnownChannel(**row) if row else None


def list_known_channels(tx: Connection) -> list[KnownChannel]:
    """What is known of every channel, by server."""
    found = tx.execute(select(channels).order_by(channels.c.guild_id)).mappings()
    return [KnownChannel(**row) for row in found]


def set_known_channel(
    tx: Connection,
    guild_id: int,
    broadcaster_user_id: int,
    chosen_by: int | None,
    named: str | None = None,
) -> bool:
    """This channel streams for the server; True if another one did, whose ids are dropped."""
    known = find_known_channel(tx, guild_id)
    same = known is not None and known.broadcaster_user_id == broadcaster_user_id
    stale: dict[str, Any] = {
        "site_channel_id": None,
        "chatroom_id": None,
        "chatroom_from": None,
        "checked_at": None,
        "confirmed_at": None,
        "reported_chatroom_id": None,
        "followed_since": func.now(),
        "primary_since": None,
    }
    values = {
        "broadcaster_user_id": broadcaster_user_id,
        "chosen_by": chosen_by,
        "named": named,
        **({} if same else stale),
    }
    tx.execute(
        upsert(channels)
        .values(guild_id=guild_id, **values)
        .on_conflict_do_update(constraint="kick_channels_one_a_server", set_=values)
    )
    return known is not None and not same


def list_followers(tx: Connection, channel_id: int) -> list[Follower]:
    """The servers that follow this channel, without those that the bot was removed from."""
    ours = guild_channels.c
    found = tx.execute(
        select(
            ours.guild_id,
            channels.c.followed_since,
            accounts.c.connected_at,
            channels.c.primary_since,
        )
        .join(guilds, (guilds.c.guild_id == ours.guild_id) & guilds.c.left_at.is_(None))
        .outerjoin(
            channels,
            and_(
                channels.c.guild_id == ours.guild_id,
                channels.c.broadcaster_user_id == ours.channel_id,
            ),
        )
        .outerjoin(
            accounts,
            and_(
                accounts.c.guild_id == ours.guild_id,
                accounts.c.kick_user_id == ours.channel_id,
                accounts.c.state == "connected",
            ),
        )
        .where(ours.platform == PLATFORM, ours.channel_id == channel_id)
        .order_by(ours.guild_id),
        execution_options=ACROSS_GUILDS,
    )
    return [Follower(**row) for row in found.mappings()]


def set_primary(tx: Connection, guild_id: int, now: datetime) -> None:
    """An admin made this server its channel's primary one."""
    tx.execute(update(channels).where(channels.c.guild_id == guild_id).values(primary_since=now))


def set_numbers(tx: Connection, known: KnownChannel) -> bool:
    """The website's numbers as they are here; False when the channel has changed."""
    return _set_ids(
        tx,
        known,
        site_channel_id=known.site_channel_id,
        chatroom_id=known.chatroom_id,
        chatroom_from=known.chatroom_from,
        confirmed_at=known.confirmed_at,
    )


def set_confirmed(tx: Connection, broadcaster_user_id: int, chatroom_id: int, at: datetime) -> None:
    """Webhooks and the feed of this chatroom showed the same line."""
    tx.execute(
        update(channels)
        .where(
            channels.c.broadcaster_user_id == broadcaster_user_id,
            channels.c.chatroom_id == chatroom_id,
        )
        .values(confirmed_at=at)
    )


def set_chatroom_reported(tx: Connection, known: KnownChannel) -> bool:
    """The admins are told that this chatroom is wrong; False when the channel has changed."""
    return _set_ids(tx, known, reported_chatroom_id=known.chatroom_id)


def set_site_ids(
    tx: Connection, known: KnownChannel, site_channel_id: int, chatroom_id: int, now: datetime
) -> bool:
    """What the website says; False when the server has another channel by now."""
    return _set_ids(
        tx,
        known,
        site_channel_id=site_channel_id,
        chatroom_id=chatroom_id,
        chatroom_from="site",
        checked_at=now,
        confirmed_at=known.confirmed_at if chatroom_id == known.chatroom_id else None,
    )


def set_looked(tx: Connection, known: KnownChannel, now: datetime) -> bool:
    """The website was asked and did not say."""
    return _set_ids(tx, known, checked_at=now)


def _set_ids(tx: Connection, known: KnownChannel, **values: Any) -> bool:
    changed = tx.execute(
        update(channels)
        .where(
            channels.c.guild_id == known.guild_id,
            channels.c.broadcaster_user_id == known.broadcaster_user_id,
        )
        .values(**values)
    )
    return changed.rowcount == 1
