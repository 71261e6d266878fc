"""Members who are banned on Discord do not win, even if the bot has missed the ban."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from pydantic import SecretStr

from core.kit.discord.rest import is_banned
from core.raffle.draw import actions
from core.raffle.draw.bans import exclude_banned
from sandbox.discord.permissions import Permission
from sandbox.discord.seed import BOT_MAY
from tests.dashboard.site import GUILD, IDS, Site
from tests.raffle.draw.rig import (
    AFTER,
    DUE,
    NAMES,
    beacon,
    discord_took,
    do,
    ended,
    froze,
    picks_of,
)
from tests.raffle.scene import CONFIG, KEY

PEOPLE = NAMES[:3]


@pytest.fixture(autouse=True)
def unchanged(site: Site) -> Iterator[None]:
    yield
    site.discord.role("Regulars", permissions=BOT_MAY)
    for name in PEOPLE:
        site.discord.member(name, ban=False, join=True)


@pytest.mark.parametrize("sees_log", [True, False])
def test_banned_members_are_passed_over_at_the_draw(site: Site, sees_log: bool) -> None:
    permissions = Permission.VIEW_CHANNEL | (Permission.VIEW_AUDIT_LOG if sees_log else 0)
    site.discord.role("Regulars", permissions=int(permissions))
    settings = site.services.settings.model_copy(update={"token_encryption_keys": SecretStr(KEY)})
    services = replace(site.services, settings=settings)
    with site.services.database.begin() as tx:
        number = ended(tx, GUILD, PEOPLE, member=IDS.__getitem__)
        draw = froze(tx, GUILD, number)
        discord_took(tx, AFTER, "raffle.frozen")
    for name in ("leo", "yuki"):
        site.discord.member(name, ban=True)
    with site.services.database.begin() as tx:
        do(tx, GUILD, DUE, actions.store_round, CONFIG, number, beacon(draw))
    exclude_banned(services, GUILD, number)
    with site.services.database.begin() as tx:
        assert do(tx, GUILD, DUE, actions.draw_winners, CONFIG, number)
        *passed_over, winner = picks_of(tx, GUILD, number)
    assert winner.discord_id == IDS["mia"]
    assert {pick.reason for pick in passed_over} <= {"banned"}


def test_who_left_is_banned_only_where_the_bot_cannot_tell(site: Site) -> None:
    settings, mia, leo = site.services.settings, IDS["mia"], IDS["leo"]
    assert not is_banned(settings, GUILD, mia)
    site.discord.member("mia", leave=True)
    site.discord.member("leo", ban=True)
    assert not is_banned(settings, GUILD, mia)
    assert is_banned(settings, GUILD, leo)
    site.discord.member("leo", ban=False)
    assert not is_banned(settings, GUILD, leo)
    site.discord.role("Regulars", permissions=int(Permission.VIEW_CHANNEL))
    assert is_banned(settings, GUILD, mia)
    site.discord.role("Regulars", permissions=int(Permission.BAN_MEMBERS))
    assert not is_banned(settings, GUILD, mia)
