"""Fixtures of speech: a server that follows Nora, with and without her account."""

from datetime import UTC, datetime
from urllib.parse import parse_qs, urlsplit

import pytest

from core.kick.accounts import oauth
from core.kick.accounts.records import Account
from core.kick.client import client_of
from core.kit.database.connection import Database
from core.kit.database.records import MemberId, PlatformUserId
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.crypto import vault_of
from core.kit.services import Services
from core.outbox import chat
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.rig import NORA, follow, settings


@pytest.fixture(autouse=True)
def brisk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(chat, "SECONDS_BETWEEN_LINES", 0.0)


@pytest.fixture
def unconnected(pretend: Sandbox, clean: Database, guild_id: int) -> Services:
    """A server that follows Nora, with the separate bot account only."""
    follow(clean, guild_id)
    values = {k.lower(): v for k, v in pretend.env.items() if k.startswith("KICK_")}
    return Services(settings(**values), clean, LocalBus())


@pytest.fixture
def connected(unconnected: Services, kick: KickDriver, guild_id: int) -> Services:
    """The same once Nora has said yes on Kick's consent page."""
    ours, verifier = unconnected.settings, "v" * 64
    kick.app(redirect_uris=[oauth.redirect_uri(ours)])
    back = kick.consent(oauth.consent_url(ours, "state", verifier), "nora")
    code = parse_qs(urlsplit(back).query)["code"][0]
    now = datetime.now(UTC)
    tokens = oauth.redeem(client_of(ours), ours, code, verifier, now)
    seal = vault_of(ours).seal
    with unconnected.work_in(guild_id) as work:
        work.add(
            Account(
                guild_id=work.guild_id,
                kick_user_id=PlatformUserId(NORA),
                name="NoraPlays",
                scopes=list(tokens.scopes),
                state="connected",
                access_token=seal(tokens.access),
                refresh_token=seal(tokens.refresh),
                expires_at=tokens.expires_at,
                connected_by=MemberId(1),
                connected_at=now,
                refreshed_at=now,
            ),
        )
    return unconnected
