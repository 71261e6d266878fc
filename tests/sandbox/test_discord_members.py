"""Members, roles, the hierarchy, channels and permissions."""

import random
from collections.abc import AsyncIterator

import discord
import pytest

from sandbox.discord import channels, members, permissions, roles
from sandbox.discord.models import Role
from sandbox.discord.permissions import Permission
from sandbox.discord.seed import channel_id
from sandbox.driver import DriverError
from sandbox.people import PEOPLE
from tests.patience import until_async
from tests.sandbox.discord_rig import GENERAL_ID, GUILD_ID, Rig, open_rig

MIA = next(person.discord_id for person in PEOPLE if person.handle == "mia")


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as opened:
        yield opened


def role(rig: Rig, name: str) -> discord.Role:
    found = discord.utils.get(rig.guild.roles, name=name)
    assert found is not None
    return found


async def test_role_changes_send_member_updates(rig: Rig) -> None:
    mia, regular = rig.member("mia"), role(rig, "Regular")
    changed = rig.event("member_update")
    await mia.add_roles(regular, reason="watchtime")
    _, after = await changed
    assert regular in after.roles
    assert await rig.hands.roles_of("mia") == ["Regular"]
    await mia.add_roles(regular)
    changed = rig.event("member_update")
    await mia.remove_roles(regular)
    _, after = await changed
    assert regular not in after.roles
    assert await rig.hands.roles_of("mia") == []


async def test_role_above_the_bot_is_rejected(rig: Rig) -> None:
    with pytest.raises(discord.Forbidden) as error:
        await rig.member("mia").add_roles(role(rig, "Moderator"))
    assert error.value.code == 50013
    await rig.hands.role("Regular", position=4)
    await until_async(lambda: role(rig, "Regular").position == 4)
    with pytest.raises(discord.Forbidden):
        await rig.member("mia").add_roles(role(rig, "Regular"))
    assert await rig.hands.roles_of("mia") == []


def test_older_role_ranks_higher_at_equal_position() -> None:
    older, younger = (Role(role_id, 1, "", 3, 0) for role_id in (10, 20))
    assert sorted([older, younger], key=permissions.rank) == [younger, older]


async def test_managed_role_cannot_be_given(rig: Rig) -> None:
    with pytest.raises(discord.HTTPException) as error:
        await rig.member("mia").add_roles(role(rig, "Regulars"))
    assert error.value.code == 50028


async def test_deleted_role_is_10011(rig: Rig) -> None:
    regular = role(rig, "Regular")
    await rig.member("mia").add_roles(regular)
    gone = rig.event("guild_role_delete")
    await rig.hands.role("Regular", delete=True)
    assert (await gone).id == regular.id
    assert await rig.hands.roles_of("mia") == []
    with pytest.raises(discord.NotFound) as error:
        await rig.member("mia").add_roles(regular)
    assert error.value.code == 10011


async def test_role_changes_require_manage_roles(rig: Rig) -> None:
    await rig.hands.role("Regulars", permissions="0")
    with pytest.raises(discord.Forbidden) as error:
        await rig.member("mia").add_roles(role(rig, "Regular"))
    assert error.value.code == 50013


async def test_bot_creates_edits_and_deletes_roles(rig: Rig) -> None:
    made = await rig.guild.create_role(name="Lucky", colour=discord.Colour(0x123456))
    await until_async(lambda: rig.guild.get_role(made.id))
    assert made.position == 1
    edited = await made.edit(name="Luckier")
    assert edited is not None
    assert edited.name == "Luckier"
    with pytest.raises(discord.Forbidden):
        await rig.guild.create_role(
            name="Boss", permissions=discord.Permissions(administrator=True)
        )
    await made.delete()
    await until_async(lambda: rig.guild.get_role(made.id) is None)


async def test_members_join_and_leave(rig: Rig) -> None:
    joined = rig.event("member_join")
    await rig.hands.member("sam", join=True)
    assert (await joined).name == "sam_i_am"
    left = rig.event("member_remove")
    await rig.hands.member("sam", leave=True)
    assert (await left).name == "sam_i_am"


async def test_nicknames_and_member_search_work(rig: Rig) -> None:
    changed = rig.event("member_update")
    await rig.hands.member("mia", nick="Meow")
    assert (await changed)[1].display_name == "Meow"
    assert len([m async for m in rig.guild.fetch_members()]) == 6
    found = await rig.bot.http.request(
        discord.http.Route("GET", "/guilds/{guild_id}/members/search", guild_id=GUILD_ID),
        params={"query": "meo", "limit": 5},
    )
    assert [member["user"]["username"] for member in found] == ["madcats"]


async def test_missing_permission_is_50013_and_hidden_channel_50001(rig: Rig) -> None:
    await rig.hands.overwrite("general", "bot", deny=["SEND_MESSAGES"])
    with pytest.raises(discord.Forbidden) as error:
        await rig.general.send("hello")
    assert error.value.code == 50013
    await rig.hands.overwrite("general", "bot", deny=["EMBED_LINKS"])
    await rig.general.send("hello")
    with pytest.raises(discord.Forbidden):
        await rig.general.send(embed=discord.Embed(title="x"))
    await rig.hands.overwrite("general", "bot", deny=["VIEW_CHANNEL"])
    with pytest.raises(discord.Forbidden) as error:
        await rig.general.send("hello")
    assert error.value.code == 50001


@pytest.mark.parametrize(("access", "code"), [("none", 50001), ("read", 50013)])
@pytest.mark.parametrize("channel", ["general", "mods"])
async def test_channel_can_be_closed_to_the_bot_and_reopened(
    rig: Rig, channel: str, access: str, code: int
) -> None:
    place = rig.guild.get_channel(channel_id(GUILD_ID, channel))
    assert isinstance(place, discord.TextChannel)
    closed = rig.event("guild_channel_update")
    done = await rig.hands.bot_access(channel, access)
    assert done["access"] == access
    _before, after = await closed
    assert after.permissions_for(rig.guild.me).view_channel is (access == "read")
    assert not after.permissions_for(rig.guild.me).send_messages
    with pytest.raises(discord.Forbidden) as error:
        await place.send("hello")
    assert error.value.code == code
    await rig.hands.bot_access(channel, "full")
    await place.send("hello again")


async def test_unknown_access_level_is_rejected(rig: Rig) -> None:
    with pytest.raises(DriverError, match="no access"):
        await rig.hands.bot_access("general", "some")


async def test_people_need_permissions_too(rig: Rig) -> None:
    with pytest.raises(DriverError, match="50001"):
        await rig.hands.message("mia", "mods", "let me in")
    await rig.hands.message("tomas", "mods", "hello")
    with pytest.raises(DriverError, match="50001"):
        await rig.hands.message("sam", "general", "hello")
    await rig.hands.overwrite("general", "mia", deny=["SEND_MESSAGES"])
    with pytest.raises(DriverError, match="50013") as error:
        await rig.hands.message("mia", "general", "hello")
    assert error.value.status == 403


async def test_bans_are_events_for_bots_that_may_see_them_only(rig: Rig) -> None:
    banned = rig.event("member_ban")
    await rig.hands.member("mia", ban=True)
    assert (await banned)[1].id == MIA
    with pytest.raises(discord.Forbidden):  # the event does not mean that it may ask
        await rig.guild.fetch_ban(discord.Object(MIA))
    entries = [entry async for entry in rig.guild.audit_logs(limit=5)]
    assert [(entry.action, entry.target and entry.target.id) for entry in entries] == [
        (discord.AuditLogAction.ban, MIA)
    ]
    with pytest.raises(DriverError, match="40007"):
        await rig.hands.member("mia", join=True)
    await rig.permit("BAN_MEMBERS")
    await rig.guild.unban(discord.Object(MIA))
    with pytest.raises(discord.NotFound):
        await rig.guild.fetch_ban(discord.Object(MIA))
    await rig.hands.member("mia", join=True)
    await rig.hands.role("Regulars", permissions=int(Permission.VIEW_CHANNEL))
    unseen = rig.event("member_ban")
    await rig.hands.member("mia", ban=True)
    await rig.hands.message("nora", "general", "afterwards")
    assert not unseen.done()
    unseen.cancel()
    with pytest.raises(discord.Forbidden):
        [entry async for entry in rig.guild.audit_logs(limit=5)]


async def test_channels_are_created_edited_and_deleted(rig: Rig) -> None:
    await rig.permit("MANAGE_CHANNELS")
    made = await rig.guild.create_text_channel("New Place", topic="here")
    assert made.name == "new-place"
    edited = await made.edit(topic="there")
    assert edited is not None
    assert edited.topic == "there"
    await made.set_permissions(rig.guild.me, view_channel=True)
    await made.set_permissions(rig.guild.default_role, view_channel=False)
    with pytest.raises(DriverError, match="50001"):
        await rig.hands.message("mia", "new-place", "hello")
    gone = rig.event("guild_channel_delete")
    await made.delete()
    assert (await gone).id == made.id
    with pytest.raises(discord.NotFound) as error:
        await made.send("anybody?")
    assert error.value.code == 10003


async def test_computed_permissions_match_discord_py(rig: Rig) -> None:
    """discord.py's own reading of roles and overwrites is the model."""
    world, guild = rig.world, rig.world.guild(GUILD_ID)
    channel = world.channel(GENERAL_ID)
    chance = random.Random(7)
    interesting = [1 << bit for bit in (3, 6, 10, 11, 13, 14, 15, 16, 17, 28, 31, 51)]

    def some_bits(likely: float) -> int:
        return sum(bit for bit in interesting if chance.random() < likely)

    for _ in range(60):
        for role in guild.roles.values():
            roles.update(world, guild, role, {"permissions": some_bits(0.4) & ~(1 << 3)})
        admin = chance.choice(list(guild.roles.values()))
        roles.update(world, guild, admin, {"permissions": admin.permissions | (1 << 3)})
        for member in guild.members.values():
            held = [r for r in guild.roles if r != guild.id and chance.random() < 0.4]
            members.set_roles(world, guild, member, held)
        for target in [*guild.roles, *guild.members]:
            allow, deny = some_bits(0.2) & ~(1 << 3), some_bits(0.2) & ~(1 << 3)
            channels.set_overwrite(world, channel, target, allow & ~deny, deny)
        await _caught_up(rig)
        for member in guild.members.values():
            theirs = rig.guild.get_member(member.user_id)
            assert theirs is not None
            expected = rig.general.permissions_for(theirs).value
            ours = world.permissions_in(channel, member.user_id)
            mask = sum(interesting)
            assert ours & mask == expected & mask, theirs


async def _caught_up(rig: Rig) -> None:
    """Until the bot has received everything that was dispatched so far."""
    [session] = rig.world.gateway.sessions.values()
    await until_async(lambda: rig.bot.ws.sequence == session.sequence)
