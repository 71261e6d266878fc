"""Which roles the bot gives to viewers."""

import discord
import pytest

from core.kit.discord.roles import has_powers
from core.kit.seen_roles import obstacle_of


@pytest.mark.parametrize(
    ("facts", "obstacle"),
    [
        ("", None),
        ("above", "above"),
        ("permission above", "permission"),
        ("powers permission above", "powers"),
        ("managed powers permission above", "managed"),
        ("everyone managed powers permission above", "everyone"),
    ],
)
def test_first_obstacle_is_returned(facts: str, obstacle: str | None) -> None:
    found = obstacle_of(
        everyone="everyone" in facts,
        managed="managed" in facts,
        powers="powers" in facts,
        may_manage="permission" not in facts,
        above="above" in facts,
    )
    assert found == obstacle


@pytest.mark.parametrize(
    "name", ["administrator", "manage_guild", "ban_members", "manage_messages", "mention_everyone"]
)
def test_permissions_of_moderators_are_powers(name: str) -> None:
    assert has_powers(discord.Permissions(**{name: True}))
    assert not has_powers(discord.Permissions(send_messages=True, embed_links=True))
