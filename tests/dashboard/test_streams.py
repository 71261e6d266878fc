"""Open streams end soon after the right to see them has ended."""

from collections.abc import Callable, Iterator

import pytest
from werkzeug.test import TestResponse

from core.api_tokens import actions as tokens
from core.guilds import actions as guilds
from core.kit.runtime.crypto import vault_of
from core.overlays import actions as overlays
from tests.dashboard.site import GUILD, IDS, Site, Visitor

LIVE = f"/overlay/live?t=,/g/{GUILD}/live"


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.kit.web.live.RECHECK_SECONDS", -1)
    monkeypatch.setattr("core.kit.web.live.PAUSE_SECONDS", 0)


@pytest.fixture
def mia(site: Site) -> Iterator[Visitor]:
    site.discord.member("mia", roles=["Regular"])
    site.grant("Regular", "raffle")
    yield site.visitor("mia")
    site.discord.member("mia", roles=[])


def ends(stream: TestResponse, site: Site, end: Callable[[], object]) -> bool:
    """Whether it goes on before `end()`, and ends after it."""
    messages = iter(stream.iter_encoded())
    assert b"open" in next(messages)
    with site.services.work_in(GUILD) as work:
        guilds.grant(work, "raffle", 12345)
    assert b"guilds" in next(messages)
    end()
    return all(b"changed" in message or b"gone" in message for message in messages)


def without_role(site: Site) -> None:
    site.discord.member("mia", roles=[])
    site.changed()


def without_permission(site: Site) -> None:
    with site.services.work_in(GUILD) as work:
        role = next(role["id"] for role in site.roles() if role["name"] == "Regular")
        guilds.revoke(work, "raffle", int(role))


def without_login(site: Site) -> None:
    with site.services.database.begin() as tx:
        tx.exec_driver_sql("DELETE FROM logins_sessions")


@pytest.mark.parametrize("end", [without_role, without_permission, without_login])
@pytest.mark.parametrize("path", [LIVE, f"/api/ws?server={GUILD}"])
def test_dashboard_stream_ends_with_the_right(
    site: Site, mia: Visitor, path: str, end: Callable[[Site], None]
) -> None:
    assert ends(mia.get(path, buffered=False), site, lambda: end(site))


def test_stream_of_a_token_ends_when_it_is_revoked(site: Site) -> None:
    with site.services.work_in(GUILD, IDS["nora"]) as work:
        token = tokens.create_token(work, "deck", "read")

    def revoke() -> None:
        with site.services.work_in(GUILD, IDS["nora"]) as work:
            tokens.revoke_token(work, "deck")

    headers = {"Authorization": f"Bearer {token}"}
    stream = site.app.test_client().get("/api/ws", headers=headers, buffered=False)
    assert ends(stream, site, revoke)


def test_stream_of_an_overlay_ends_when_its_address_changes(site: Site) -> None:
    vault = vault_of(site.services.settings)
    with site.services.work_in(GUILD) as work:
        key = overlays.get_addresses(work, vault, ["raffle"])["raffle"].key
    path = f"/overlay/live?t=unknown,/overlay/{key}/raffle"
    stream = site.app.test_client().get(path, buffered=False)
    messages = iter(stream.iter_encoded())
    assert b"open" in next(messages)
    assert b"show" in next(messages)
    with site.services.work_in(GUILD) as work:
        overlays.rotate(work, vault, "raffle")
    assert all(b"show" not in message for message in messages)
