"""If several servers follow one channel, one replies in its chat, and events count for all."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Concatenate, ParamSpec, TypeVar, cast

import pytest
from sqlalchemy import Connection, select, text, update
from sqlalchemy.exc import OperationalError

from core.events import ChatMessageSent
from core.features import load_features
from core.guilds import actions as guild_actions
from core.guilds import store as guilds
from core.guilds.settings import ADMIN_CHANNEL
from core.guilds.store import Channel
from core.inbox.handlers import collect
from core.inbox.store import Delivery
from core.kick import health
from core.kick.accounts import actions, primary
from core.kick.accounts.records import Account, KnownChannel
from core.kick.accounts.rules import Follower, may_claim, primary_of
from core.kick.events import events_of
from core.kit.database.connection import Database, cache_of
from core.kit.database.records import GuildId, MemberId, PlatformUserId
from core.kit.database.work import Work, run_in_guild
from core.kit.errors import Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.services import Services
from core.outbox.records import messages
from core.slot_calls import actions as slot_calls
from core.slot_calls import messages as slot_calls_messages
from core.watchtime.records import Day
from tests.acting import act
from tests.conftest import GUILD, OTHER_GUILD
from tests.kick.rig import NOON, NORA, chat, settings

ADMIN = 77

P = ParamSpec("P")
T = TypeVar("T")


def hours(count: float) -> datetime:
    return NOON + timedelta(hours=count)


# -- the rules ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("followers", "expected"),
    [
        ([], None),
        ([Follower(2, hours(0)), Follower(1, hours(1))], 2),
        ([Follower(2), Follower(1)], 1),
        ([Follower(1, hours(0)), Follower(2, hours(1), connected_at=hours(2))], 2),
        ([Follower(1, hours(0)), Follower(2, hours(1), primary_since=hours(2))], 2),
        (
            [
                Follower(1, hours(0), connected_at=hours(3)),
                Follower(2, hours(1), primary_since=hours(2)),
            ],
            1,
        ),
        (
            [
                Follower(1, hours(0), hours(3), primary_since=hours(4)),
                Follower(2, hours(1), hours(3), primary_since=hours(5)),
            ],
            2,
        ),
    ],
)
def test_primary_is_connected_then_chosen_then_first(
    followers: list[Follower], expected: int | None
) -> None:
    for order in (followers, followers[::-1]):
        found = primary_of(order)
        assert (found.guild_id if found else None) == expected


@pytest.mark.parametrize(
    ("connected", "now", "may"),
    [(None, 3, False), (2.5, 3, True), (1, 3, False), (-1, -0.5, False), (2.5, 3.5, True)],
)
def test_recent_streamer_consent_allows_claiming(
    connected: float | None, now: float, may: bool
) -> None:
    ours = Follower(1, connected_at=None if connected is None else hours(connected))
    current = Follower(2, connected_at=hours(0))
    assert may_claim(ours, current, hours(now), manages_current=False) is may
    assert may_claim(ours, current, hours(now), manages_current=True)
    chosen = Follower(2, connected_at=hours(0), primary_since=hours(2.7))
    assert not may_claim(ours, chosen, hours(now), manages_current=False)


# -- in the database ----------------------------------------------------------------------------


@dataclass
class Servers:
    """Nora's two servers: GUILD follows the channel since noon, OTHER_GUILD an hour later."""

    tx: Connection

    def follow(self, guild_id: int, since: datetime) -> None:
        self.do(guild_id, NOON, actions.choose_channel, Channel(guild_id, "kick", NORA, "nora"))
        ours = update(KnownChannel).where(KnownChannel.guild_id == guild_id)
        self.tx.execute(ours.values(followed_since=since))
        act(
            self.tx,
            guild_id,
            guild_actions.change_setting,
            ADMIN_CHANNEL,
            guild_id + 1,
            actor=ADMIN,
        )

    def connect(self, guild_id: int, at: datetime) -> None:
        account = Account(
            guild_id=GuildId(guild_id),
            kick_user_id=PlatformUserId(NORA),
            name="NoraPlays",
            scopes=[],
            state="connected",
            access_token="a",
            refresh_token="r",
            expires_at=at,
            connected_by=MemberId(ADMIN),
            connected_at=at,
            refreshed_at=at,
        )
        self.do(guild_id, at, actions.connect_account, account)
        self.forget()

    def forget(self) -> None:
        """As in the next transaction."""
        cache_of(self.tx).clear()

    def current(self) -> int | None:
        self.forget()
        return primary.find_primary(self.tx, NORA)

    def claim(self, guild_id: int, now: datetime, manages: int | None = None) -> primary.Primary:
        return self.do(guild_id, now, primary.claim, manages=manages)

    def do(
        self,
        guild_id: int,
        now: datetime,
        action: Callable[Concatenate[Work, P], T],
        *args: P.args,
        **kwargs: P.kwargs,
    ) -> T:
        """An admin of this server does this."""
        self.forget()
        return run_in_guild(self.tx, guild_id, ADMIN, now, action, *args, **kwargs)

    def told(self) -> list[int]:
        """The servers whose admins were notified of a change."""
        found = select(messages.c.guild_id).where(messages.c.kind == "kick.primary")
        return list(self.tx.execute(found).scalars())


@pytest.fixture
def servers(tx: Connection, guild_id: int, other_guild_id: int) -> Servers:
    both = Servers(tx)
    both.follow(guild_id, NOON)
    both.follow(other_guild_id, hours(1))
    both.forget()
    return both


def test_only_primary_server_answers_and_both_count(servers: Servers) -> None:
    """A channel followed by several servers answered every command once per server."""
    tx = servers.tx
    handlers = collect(load_features())
    for number, line in enumerate(("!watchtime", "!call Gonzo's Quest")):
        body = chat(line, sender={"user_id": 5000 + number, "username": f"Viewer{number}"})
        delivery = Delivery("kick.webhook", f"d{number}", "chat.message.sent", "k", body, NOON)
        for event in events_of(tx, delivery):
            for handler in handlers[type(event)]:
                handler.run(tx, event)
    answers = tx.execute(select(messages.c.guild_id, messages.c.kind)).all()
    assert {row.guild_id for row in answers} == {GUILD}
    assert sorted(row.kind for row in answers) == ["slot_calls.rejected", "watchtime.reply"]
    counted = Counter(tx.execute(select(Day.guild_id)).scalars())
    assert counted == {GUILD: 2, OTHER_GUILD: 2}


def test_status_commands_name_the_primary_server(servers: Servers) -> None:
    ours, theirs = (
        run_in_guild(servers.tx, guild, ADMIN, NOON, slot_calls.configure, channel=5)
        for guild in (GUILD, OTHER_GUILD)
    )
    assert (ours.primary, theirs.primary) == (None, "Nora's Corner")
    assert "go to **Nora's Corner**" in str(slot_calls_messages.status(theirs).description)
    services = Services(settings(), cast("Any", None), LocalBus(), lambda: NOON)
    for guild, expected in ((GUILD, "this server"), (OTHER_GUILD, "Nora's Corner answers")):
        found = run_in_guild(servers.tx, guild, ADMIN, NOON, health.examine, services)
        lines = {line.name: line for line in found}
        assert expected in lines["primary server"].found


def test_only_server_of_a_channel_answers(servers: Servers) -> None:
    servers.tx.execute(text("DELETE FROM guild_channels WHERE guild_id = :g"), {"g": GUILD})
    servers.forget()
    body = chat("!watchtime")
    (event,) = events_of(
        servers.tx, Delivery("kick.webhook", "d", "chat.message.sent", "k", body, NOON)
    )
    assert isinstance(event, ChatMessageSent)
    assert (event.guild_id, event.is_answered) == (OTHER_GUILD, True)


def test_next_server_becomes_primary_when_primary_leaves(servers: Servers) -> None:
    assert servers.current() == GUILD
    guilds.end_guild(servers.tx, GUILD)
    assert servers.current() == OTHER_GUILD
    guild_actions.join_guild(servers.tx, GUILD, "Nora's Corner")
    assert servers.current() == GUILD
    servers.tx.execute(text("DELETE FROM guild_channels WHERE guild_id = :g"), {"g": GUILD})
    assert servers.current() == OTHER_GUILD
    guilds.end_guild(servers.tx, OTHER_GUILD)
    assert servers.current() is None


def test_connected_server_is_primary_until_it_disconnects(servers: Servers) -> None:
    servers.connect(OTHER_GUILD, hours(2))
    assert servers.current() == OTHER_GUILD
    servers.do(OTHER_GUILD, hours(3), actions.ACCOUNT.delete)
    assert servers.current() == GUILD


def test_primary_choice_ends_when_the_channel_changes(servers: Servers) -> None:
    servers.claim(OTHER_GUILD, hours(2), manages=GUILD)
    assert servers.current() == OTHER_GUILD
    other = Channel(OTHER_GUILD, "kick", NORA + 1, "veraspins")
    servers.do(OTHER_GUILD, hours(3), actions.choose_channel, other)
    assert servers.current() == GUILD
    again = Channel(OTHER_GUILD, "kick", NORA, "noraplays")
    servers.do(OTHER_GUILD, hours(4), actions.choose_channel, again)
    assert servers.current() == GUILD


def test_manager_of_both_servers_can_claim_primary(servers: Servers) -> None:
    result = servers.claim(OTHER_GUILD, hours(2), manages=GUILD)
    assert (result.is_here, result.others) == (True, 1)
    assert servers.current() == OTHER_GUILD
    assert servers.told() == [GUILD]
    audit = servers.tx.execute(
        text("SELECT guild_id FROM guild_audit_log WHERE action = 'kick.primary'")
    ).scalars()
    assert sorted(audit) == [GUILD, OTHER_GUILD]
    servers.claim(OTHER_GUILD, hours(3))
    assert servers.told() == [GUILD], "the second click changes nothing"


def test_disputed_claim_requires_the_streamer(servers: Servers) -> None:
    with pytest.raises(Refusal, match="answers in this channel's chat") as refused:
        servers.claim(OTHER_GUILD, hours(2))
    assert "hand it over" in refused.value.remedy
    servers.connect(GUILD, hours(2))
    with pytest.raises(Refusal, match="has connected"):
        servers.claim(OTHER_GUILD, hours(2), manages=GUILD)
    servers.connect(OTHER_GUILD, hours(3))
    assert servers.current() == GUILD, "connecting alone takes nothing away"
    servers.claim(OTHER_GUILD, hours(3.5))
    assert servers.current() == OTHER_GUILD
    with pytest.raises(Refusal):
        servers.claim(GUILD, hours(3.6))
    servers.connect(GUILD, hours(4))
    servers.claim(GUILD, hours(4.5))
    assert servers.current() == GUILD


def test_primary_can_be_handed_over(servers: Servers) -> None:
    names = guilds.list_names(servers.tx)

    def hand_over(guild_id: int, to: str) -> primary.Primary:
        return servers.do(guild_id, hours(2), primary.hand_over, to)

    with pytest.raises(Refusal, match="Only the primary"):
        hand_over(OTHER_GUILD, names[OTHER_GUILD])
    with pytest.raises(Refusal, match="No other server called"):
        hand_over(GUILD, "Somebody Else's")
    assert hand_over(GUILD, str(GUILD)).is_here
    assert not hand_over(GUILD, names[OTHER_GUILD].upper()).is_here
    assert servers.current() == OTHER_GUILD
    assert servers.told() == [OTHER_GUILD]


def test_server_without_channel_cannot_claim_primary(tx: Connection, guild_id: int) -> None:
    with pytest.raises(Refusal, match="No Kick channel"):
        run_in_guild(tx, guild_id, ADMIN, NOON, primary.claim, manages=None)


def test_two_servers_change_the_primary_one_after_the_other(clean: Database) -> None:
    with clean.begin() as tx:
        for guild_id in (GUILD, OTHER_GUILD):
            Servers(tx).follow(guild_id, NOON)
    with clean.begin() as first, clean.begin() as second:
        Servers(first).claim(GUILD, NOON)
        second.execute(text("SET LOCAL lock_timeout = '50ms'"))
        with pytest.raises(OperationalError, match="lock timeout"):
            Servers(second).claim(OTHER_GUILD, NOON, manages=GUILD)
