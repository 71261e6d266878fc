"""Twitch's EventSub: notifications a second by webhook, beside Kick's webhooks at the same server,
and 300 subscriptions on one WebSocket, which is the most that Twitch allows.

Rounds of the two platforms take turns. A Twitch notification is signed with HMAC and a Kick webhook
with RSA; both are durable when they are answered.
"""

import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any
from urllib.parse import parse_qs, urlsplit
from uuid import uuid4

import psutil
from pydantic import SecretStr
from sqlalchemy import text

from benchmarks import ingest
from benchmarks.environment import Environment
from benchmarks.figures import Results
from benchmarks.webhooks import Webhook, write_requests
from benchmarks.wrk import Round, need_wrk, send_all
from core.guilds import store as guilds
from core.guilds.store import Channel
from core.kit.database.connection import Database
from core.kit.database.records import MemberId, PlatformUserId
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.crypto import vault_of
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.twitch.accounts import oauth
from core.twitch.accounts.records import TwitchAccount
from core.twitch.accounts.rules import SCOPES
from core.twitch.client import client_of
from core.twitch.eventsub.listener import TwitchListener
from core.twitch.eventsub.reconcile import secret_of
from sandbox.twitch.driver import TwitchDriver
from tests.patience import until
from tests.stories.stage import GUILD

NORA = 5_100_001
PATH = "/webhooks/twitch"
CHAT = "channel.chat.message"
KEY = "for-benchmarks-only"
SUBSCRIPTIONS = 300
FIRST_GUILD = 2_000_000_000_000_000_000
TIMEOUT_SECONDS = 120


def run(environment: Environment) -> Results:
    """The figures of both."""
    return {**_subscribe(environment), **_receive(environment)}


# -- notifications by webhook ---------------------------------------------------------------------


def _receive(environment: Environment) -> Results:
    need_wrk()
    rounds, each = (2, 1000) if environment.quick else (5, 4000)
    kick_files = ingest.prepare_rounds(environment, rounds + 1, each)
    with ExitStack() as stack:
        url, database = stack.enter_context(environment.database())
        with database.begin() as tx:
            guilds.set_channel(tx, Channel(GUILD, "twitch", NORA, "noraplays"))
        given = {
            "DATABASE_URL": url,
            "FLASK_SECRET_KEY": KEY,
            "TWITCH_CLIENT_ID": "benchmarks",
            "TWITCH_CLIENT_SECRET": "benchmarks",
        }
        web = "combined_server:create_web()"
        server = stack.enter_context(ingest.run_server(environment, "web", ingest.OURS, web, given))
        until(lambda: server.health()[0], "the product's web server")
        kick: list[Round] = []
        twitch: list[Round] = []
        for number, kick_file in enumerate(kick_files):
            kick.append(send_all(server.url + ingest.PATH, kick_file))
            # Signed just before, because they may be ten minutes old.
            twitch_file = _prepare(environment.folder / f"twitch_{number}", number * each, each)
            twitch.append(send_all(server.url + PATH, twitch_file))
        ingest.check_honest(database, kick)
        ingest.check_honest(database, twitch, "twitch.webhook")
    turns = list(zip(kick, twitch, strict=True))[1:]  # the first round warms up
    return {
        "eventsub_per_s": median(theirs.per_s for _kick, theirs in turns),
        "eventsub_to_kick_ratio": median(theirs.per_s / ours.per_s for ours, theirs in turns),
        "eventsub_p99_ms": median(theirs.p99_ms for _kick, theirs in turns),
    }


def _prepare(file: Path, first: int, count: int) -> Path:
    secret = secret_of(Settings(_env_file=None, flask_secret_key=SecretStr(KEY)))
    return write_requests(file, (_sign(secret, first + number) for number in range(count)), PATH)


def _sign(secret: str, number: int) -> Webhook:
    """A chat message in its own envelope."""
    subscription = {"id": "s1", "type": CHAT, "version": "1", "status": "enabled"}
    body = {"subscription": subscription, "event": _line(number)}
    raw = json.dumps(body, separators=(",", ":")).encode()
    message_id = str(uuid4())
    timestamp = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z"
    signed = message_id.encode() + timestamp.encode() + raw
    headers = {
        "Content-Type": "application/json",
        "Twitch-Eventsub-Message-Id": message_id,
        "Twitch-Eventsub-Message-Timestamp": timestamp,
        "Twitch-Eventsub-Message-Type": "notification",
        "Twitch-Eventsub-Message-Signature": "sha256="
        + hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest(),
    }
    return Webhook(headers, raw)


def _line(number: int) -> dict[str, Any]:
    viewer = number % 1000
    words = "that was close"
    return {
        "broadcaster_user_id": str(NORA),
        "broadcaster_user_login": "noraplays",
        "broadcaster_user_name": "NoraPlays",
        "chatter_user_id": str(9_000_000 + viewer),
        "chatter_user_login": f"viewer_{viewer}",
        "chatter_user_name": f"viewer_{viewer}",
        "message_id": str(uuid4()),
        "message": {"text": words, "fragments": [{"type": "text", "text": words}]},
        "color": "#00FF7F",
        "badges": [{"set_id": "subscriber", "id": "3012", "info": "16"}],
        "message_type": "text",
        "cheer": None,
        "reply": None,
        "source_broadcaster_user_id": None,
    }


# -- subscriptions on one socket ------------------------------------------------------------------


def _subscribe(environment: Environment) -> Results:
    """A bot's account reads the chat of as many channels as one socket takes."""
    with environment.database() as (_url, database), _pretend_twitch() as variables:
        given: dict[str, Any] = {name.lower(): value for name, value in variables.items()}
        settings = Settings(
            _env_file=None,
            **given | {"data_dir": environment.folder, "twitch_eventsub": "websocket"},
        )
        services = Services(settings, database, LocalBus())
        _connect_bot(services)
        listener = TwitchListener(services, update=0.5)
        me = psutil.Process()
        memory = me.memory_info().rss
        began = perf_counter()
        listener.start()
        try:
            _wait_until_subscribed(database)
            return {
                "eventsub_300_subscribe_s": perf_counter() - began,
                "eventsub_300_mb": (me.memory_info().rss - memory) / 2**20,
            }
        finally:
            listener.stop()


@contextmanager
def _pretend_twitch() -> Iterator[dict[str, str]]:
    """The sandbox as a process; the settings that lead to it."""
    with subprocess.Popen(
        [sys.executable, "-m", "sandbox", "--exit-with-stdin", "--port", "0"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        try:
            yield json.loads(process.stdout.readline())["env"]
        finally:
            process.terminate()


def _connect_bot(services: Services) -> None:
    """150 servers, each with its own channel and the same bot's account: two subscriptions for
    each."""
    settings, now = services.settings, services.clock()
    twitch = TwitchDriver(settings.twitch_api_url.rsplit("/twitch/", 1)[0])
    channels = [
        int(twitch.do("account", handle=f"streamer{number}", name=f"Streamer{number}")["user_id"])
        for number in range(SUBSCRIPTIONS // 2)
    ]
    back = twitch.consent(oauth.consent_url(settings, "state", "", SCOPES["bot"]), "bot")
    code = parse_qs(urlsplit(back).query)["code"][0]
    client, vault = client_of(settings), vault_of(settings)
    tokens = oauth.redeem(client, settings, code, now)
    who = client.account_of(tokens.access)
    twitch.close()
    for number, channel_id in enumerate(channels):
        guild_id = FIRST_GUILD + number
        with services.database.begin() as tx:
            guilds.set_guild(tx, guild_id, f"Server {number}")
            guilds.set_channel(tx, Channel(guild_id, "twitch", channel_id, f"streamer{number}"))
        with services.work_in(guild_id) as work:
            work.add(
                TwitchAccount(
                    guild_id=work.guild_id,
                    role="bot",
                    twitch_user_id=PlatformUserId(who.user_id),
                    login=who.login,
                    name=who.name,
                    scopes=sorted(tokens.scopes),
                    state="connected",
                    access_token=vault.seal(tokens.access),
                    refresh_token=vault.seal(tokens.refresh),
                    expires_at=tokens.expires_at,
                    connected_by=MemberId(1),
                    connected_at=now,
                    refreshed_at=now,
                )
            )


def _wait_until_subscribed(database: Database) -> None:
    done = text("SELECT count(*) FROM twitch_subscriptions WHERE subscription_id IS NOT NULL")
    deadline = time.monotonic() + TIMEOUT_SECONDS
    while True:
        with database.begin() as tx:
            if tx.execute(done).scalar() == SUBSCRIPTIONS:
                return
        assert time.monotonic() < deadline, "not everything is subscribed"
        time.sleep(0.05)
