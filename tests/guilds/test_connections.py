"""Connected accounts and chats of every service: connecting, the end of a grant, disconnecting and
the self-test, on the dashboard and in Discord."""

import html
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import text

from core.guilds.connections.accounts import AccountKind
from core.guilds.connections.chat import RETURN_TIMEOUT, Chat
from core.guilds.feature import FEATURE
from core.guilds.records import SelfTest
from core.kick.accounts import actions as kick
from core.kick.accounts.records import Account
from core.kick.chat.actions import CHAT as KICK_CHAT
from core.kick.feature import FEATURE as KICK
from core.kit.database.connection import Database
from core.kit.database.personal import Subject
from core.kit.database.records import GuildId, MemberId, PlatformUserId
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.oauth.tokens import tokens_of
from core.kit.runtime.clock import utc_now
from core.streamelements import actions as streamelements
from core.streamelements import client
from core.streamelements.feature import FEATURE as STREAMELEMENTS
from core.streamelements.records import StreamElementsAccount
from core.twitch.accounts import actions as twitch
from core.twitch.accounts.records import TwitchAccount
from core.twitch.chat.actions import CHAT as TWITCH_CHAT
from core.twitch.feature import FEATURE as TWITCH
from sandbox.discord.driver import DiscordDriver
from sandbox.serve import Sandbox
from sandbox.streamelements.driver import StreamElementsDriver
from tests.bot_rig import Asker, bot_in_discord
from tests.dashboard.site import GUILD, IDS, Site, Visitor, follow, words

KINDS: dict[str, AccountKind[Any]] = {
    "kick": kick.ACCOUNT,
    "twitch": twitch.ACCOUNTS["streamer"],
    "twitch_bot": twitch.ACCOUNTS["bot"],
    "streamelements": streamelements.ACCOUNT,
}
CHATS = {"kick": KICK_CHAT, "twitch": TWITCH_CHAT}
SETUP = f"/g/{GUILD}/setup"

every_kind = pytest.mark.parametrize("kind", KINDS.values(), ids=KINDS)


@dataclass
class Admin:
    """Nora on a server's dashboard."""

    site: Site
    sandbox: Sandbox
    visitor: Visitor

    def read(self, path: str) -> str:
        return html.unescape(words(self.visitor.get(path)))

    def send(self, kind: AccountKind[Any], form: str, **fields: str) -> str:
        """Send a form of the service's page; what is shown then."""
        page = f"/g/{GUILD}/{kind.platform}"
        role = {"role": kind.role} if kind.role else {}
        sent = self.visitor.post(f"{page}/{form}", page=page, **role, **fields)
        return html.unescape(words(sent)) if sent.status_code != 303 else self.read(page)

    def connect(self, kind: AccountKind[Any]) -> str:
        """Connect an account; what its page shows then."""
        if kind.platform == "streamelements":
            driver = StreamElementsDriver(self.sandbox.base_url)
            token = driver.channel()["jwt"]
            driver.close()
            return self.send(kind, "connect", token=token)
        page = f"/g/{GUILD}/{kind.platform}"
        if kind.platform == "kick":
            self.send(kind, "channel", channel="noraplays")
        role = {"role": kind.role} if kind.role else {}
        link = self.visitor.post(f"{page}/connect", page=page, **role).headers["Location"]
        person = "bot" if kind.role == "bot" else "nora"
        assert follow(self.visitor, link, person=person).status_code == 303
        return self.read(page)

    def health(self, kind: AccountKind[Any]) -> list[tuple[str, str]]:
        with self.site.services.database.begin() as tx:
            items = kind.check_health(tx, self.site.clock())
        assert {item.name for item in items} <= {kind.title}
        return [(item.state, item.reason) for item in items]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        with self.site.services.database.begin() as tx:
            return [tuple(row) for row in tx.execute(text(sql))]


@pytest.fixture
def admin(site: Site, site_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> Admin:
    client.client_of.cache_clear()
    monkeypatch.setattr(client, "SECONDS_BETWEEN_CALLS", 0.0)
    site.clock.now = utc_now()  # which signs links
    return Admin(site, site_sandbox, site.visitor("nora"))


@every_kind
def test_account_is_connected_ended_and_disconnected(admin: Admin, kind: AccountKind[Any]) -> None:
    services = admin.site.services
    if kind.role == "bot":
        admin.connect(KINDS["twitch"])
    assert f"No {kind.title} is connected" in admin.send(kind, "disconnect")
    shown = admin.connect(kind)
    with services.work_in(GUILD) as work:
        account = kind.find(work)
    assert account is not None
    assert f"{account.name} is connected to Nora's Corner." in shown
    assert admin.health(kind) == [("ok", f"Connected as {account.name}.")]
    assert f"Disconnect {account.name}? {kind.stops()}".replace("`", "") in shown.replace("`", "")

    with services.work_in(GUILD) as work:
        subject = Subject(GuildId(GUILD), MemberId(IDS["nora"]), work.now)
        with pytest.raises(Refusal, match="get the alerts") as refused:
            kind.require_disconnected(work, subject)
        assert [kind.require_reconnect(work, account) for _time in range(2)] == [True, False]
        line = kind.check_line(work)
        ended = kind.find(work)
        assert ended is not None
        assert set(tokens_of(ended).values()) == {""}
    assert f"/disconnect_{kind.platform}" in refused.value.remedy
    [(payload,)] = admin.rows("SELECT payload FROM outbox_messages WHERE kind = 'guilds.reconnect'")
    alert = FEATURE.embeds["guilds.reconnect"](payload).embed
    assert f"{kind.service} has to be connected again" in str(alert.title)
    assert f"{kind.lost()}\nRun {kind.command} in that server." in str(alert.description)
    found = f"{kind.service} has ended the connection of {account.name}."
    again = f"Run {kind.command} again."
    assert (line.name, line.state, line.found, line.remedy) == (kind.label, "down", found, again)
    assert admin.health(kind) == [("warn", f"{found} {again}")]
    assert "Has to be connected again" in admin.read(f"/g/{GUILD}/{kind.platform}")
    if kind.role != "bot":
        assert found in admin.read(SETUP)

    admin.connect(kind)
    assert admin.health(kind)[0][0] == "ok"
    shown = admin.send(kind, "disconnect")
    tokens = "reset it on" if kind.revoke is None else "Its tokens are revoked and deleted."
    assert f"{account.name} is disconnected. " in shown
    assert tokens in shown
    last = "SELECT action, target FROM guild_audit_log ORDER BY id DESC LIMIT 1"
    assert admin.rows(last) == [(f"{kind.platform}.disconnect", account.name)]
    left = [("ok", f"No {kind.title} is connected. Run {kind.command}.")]
    assert admin.health(kind) == (left if kind.owner_of is not None else [])


@every_kind
def test_ended_grant_needs_no_revocation(admin: Admin, kind: AccountKind[Any]) -> None:
    if kind.role == "bot":
        admin.connect(KINDS["twitch"])
    admin.connect(kind)
    with admin.site.services.work_in(GUILD) as work:
        account = kind.find(work)
        assert account is not None
        kind.require_reconnect(work, account)
    done = kind.disconnect(admin.site.services, GUILD, IDS["nora"])
    assert done is not None
    assert done.is_revoked == (kind.revoke is not None)


# -- Discord --------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def world(database: Database) -> Iterator[DiscordDriver]:
    """The bot with the three services."""
    keys = Fernet.generate_key().decode()
    features = (KICK, TWITCH, STREAMELEMENTS)
    until = "disconnect_streamelements"
    with bot_in_discord(database, *features, until=until, token_encryption_keys=keys) as started:
        yield started[0]


def keep(work: Work, kind: AccountKind[Any]) -> None:
    """An account whose tokens can no longer be decrypted."""
    given: dict[str, Any] = {
        "guild_id": work.guild_id,
        "name": "NoraPlays",
        "state": "connected",
        "connected_by": MemberId(IDS["nora"]),
        "connected_at": work.now,
    }
    oauth: dict[str, Any] = {
        "scopes": [],
        "access_token": "x",
        "refresh_token": "x",
        "expires_at": work.now,
        "refreshed_at": work.now,
    }
    accounts = {
        "kick": lambda: Account(kick_user_id=PlatformUserId(1), **oauth, **given),
        "twitch": lambda: TwitchAccount(
            role="bot" if kind.role == "bot" else "streamer",
            login="nora",
            twitch_user_id=PlatformUserId(1),
            **oauth,
            **given,
        ),
        "streamelements": lambda: StreamElementsAccount(
            channel_id="5f", platform="twitch", token="x", **given
        ),
    }
    kind.keep(work, accounts[kind.platform](), notify=False)


@every_kind
@pytest.mark.parametrize("typing", [False, True], ids=["slash", "typed"])
def test_disconnecting_asks_first(
    world: DiscordDriver, database: Database, kind: AccountKind[Any], typing: bool
) -> None:
    ask, command = Asker(world, typing=typing), f"disconnect_{kind.platform}"
    option: dict[str, Any] = {"bot": True} if kind.role == "bot" else {}
    assert f"No {kind.title} is connected" in ask(command, **option)["title"]
    with database.begin() as tx, Work(tx, GUILD, now=utc_now()) as work:
        keep(work, kind)
    question = ask.answer(command, **option)
    [embed] = question["embeds"]
    assert (embed["title"], embed["description"]) == ("❓ Disconnect NoraPlays?", kind.stops())
    assert "Nothing changed" in str(ask.press(question, "Cancel"))
    question = ask.answer(command, **option)
    if typing:  # others see the button, too
        assert "Only the person who ran this" in str(
            ask.press(question, "Disconnect", person="mia")
        )
    done = str(ask.press(question, "Disconnect"))
    assert "NoraPlays is disconnected" in done
    assert ("reset it on" if kind.revoke is None else "did not confirm") in done
    with database.begin() as tx, Work(tx, GUILD, now=utc_now()) as work:
        assert kind.find(work) is None


# -- the self-test --------------------------------------------------------------------------------


@pytest.mark.parametrize("chat", CHATS.values(), ids=CHATS)
def test_chat_is_tested_twice_a_minute_at_most(admin: Admin, chat: Chat) -> None:
    kind = KINDS[chat.platform]
    if chat.platform == "twitch":
        assert "Test Twitch's chat" not in admin.read(SETUP)
    admin.connect(kind)
    step = f"Test {chat.name}'s chat"
    assert f"{step} optional Send a line" in admin.read(SETUP) or f"{step} Send a" in admin.read(
        SETUP
    )
    with admin.site.services.work_in(GUILD) as work:
        work.add(SelfTest(platform=chat.platform, key="old", sent_at=work.now, state="received"))
    passed = f"the line came back from {chat.name}'s chat"
    assert passed in admin.read(f"/g/{GUILD}/{chat.platform}")
    assert passed in admin.read(SETUP)
    assert "A self-test was sent just now." in admin.send(kind, "selftest")
    lines = "SELECT count(*) FROM outbox_messages WHERE kind LIKE '%.line'"
    assert admin.rows(lines) == [(0,)]

    admin.site.clock.forward(seconds=30)
    with admin.site.services.work_in(GUILD) as work:
        test = chat.send_test(work, admin.site.services)
    admin.site.clock.forward(seconds=RETURN_TIMEOUT.total_seconds())
    receipts = {
        "NULL": f"{chat.name} did not accept the line",
        '\'{"message_id": "m"}\'': f"the line did not come back from {chat.name}'s chat",
    }
    for receipt, says in receipts.items():
        sql = f"UPDATE outbox_messages SET receipt = {receipt} WHERE key = '{test.key}' RETURNING 1"
        assert admin.rows(sql) == [(1,)]
        assert says in admin.read(f"/g/{GUILD}/{chat.platform}")
        assert says in admin.read(SETUP)
