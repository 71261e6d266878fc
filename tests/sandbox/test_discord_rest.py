"""REST endpoints not covered by the other tests."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import aiohttp
import discord
import pytest
from discord.http import Route

from sandbox.discord.seed import VERAS_DEN_ID
from sandbox.driver import DriverError
from tests.sandbox.discord_rig import GUILD_ID, Panel, Rig, open_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as opened:
        yield opened


async def call(rig: Rig, method: str, path: str, **kwargs: Any) -> Any:
    return await rig.bot.http.request(Route(method, path), **kwargs)


async def refused(rig: Rig, method: str, path: str, **kwargs: Any) -> int:
    """Discord's error code."""
    with pytest.raises(discord.HTTPException) as error:
        await call(rig, method, path, **kwargs)
    return error.value.code


async def test_application_info_and_own_user_are_returned(rig: Rig) -> None:
    info = await rig.bot.application_info()
    assert (info.name, info.owner.name) == ("Regulars", "noraplays")
    assert info.flags.gateway_message_content_limited
    assert (await call(rig, "GET", "/oauth2/applications/@me"))["id"] == str(rig.world.bot.id)
    assert [guild.name async for guild in rig.bot.fetch_guilds()] == ["Nora's Corner", "Vera's Den"]
    fetched = await rig.bot.fetch_guild(GUILD_ID)
    assert fetched.approximate_member_count == 6
    gateway = await call(rig, "GET", "/gateway/bot")
    assert gateway["session_start_limit"]["max_concurrency"] == 1
    assert rig.bot.user is not None
    renamed = await rig.bot.user.edit(username="Renamed")
    assert renamed.name == "Renamed"


async def test_leaving_a_guild_revokes_access(rig: Rig) -> None:
    den = rig.bot.get_guild(VERAS_DEN_ID)
    assert den is not None
    gone = rig.event("guild_remove")
    await den.leave()
    await gone
    assert await refused(rig, "GET", f"/guilds/{VERAS_DEN_ID}") == 50001
    assert await refused(rig, "GET", f"/channels/{VERAS_DEN_ID + 20}") == 50001


async def test_members_are_edited_within_the_bots_permissions(rig: Rig) -> None:
    bot_role = discord.utils.get(rig.guild.roles, name="Regulars")
    assert bot_role is not None
    mia, tomas, nora = (rig.member(handle) for handle in ("mia", "tomas", "nora"))
    with pytest.raises(discord.Forbidden):
        await mia.edit(nick="Meow")
    extra = ["MANAGE_NICKNAMES", "MODERATE_MEMBERS", "KICK_MEMBERS", "MANAGE_ROLES"]
    await rig.hands.role("Regulars", permissions=[*extra, "VIEW_CHANNEL", "CHANGE_NICKNAME"])
    edited = await mia.edit(
        nick="Meow", timed_out_until=discord.utils.utcnow() + timedelta(hours=1)
    )
    assert edited is not None
    assert (edited.nick, edited.is_timed_out()) == ("Meow", True)
    with pytest.raises(DriverError, match="50013"):
        await rig.hands.message("mia", "general", "mmmh")
    for above in (tomas, nora):
        with pytest.raises(discord.Forbidden):
            await above.edit(nick="Boss")
    regular = discord.utils.get(rig.guild.roles, name="Regular")
    assert regular is not None
    await mia.edit(roles=[regular])
    assert await rig.hands.roles_of("mia") == ["Regular"]
    moderator = discord.utils.get(rig.guild.roles, name="Moderator")
    assert moderator is not None
    with pytest.raises(discord.Forbidden):
        await mia.edit(roles=[regular, moderator])
    await rig.guild.me.edit(nick="Reg")
    assert (await rig.guild.fetch_member(rig.guild.me.id)).nick == "Reg"
    left = rig.event("member_remove")
    await mia.kick()
    assert (await left).id == mia.id


async def test_roles_are_fetched_and_moved(rig: Rig) -> None:
    roles = {role.name: role for role in await rig.guild.fetch_roles()}
    assert (await rig.guild.fetch_role(roles["Regular"].id)).name == "Regular"
    await rig.guild.edit_role_positions({roles["Regular"]: 2})
    order = sorted(await rig.guild.fetch_roles())
    assert [r.name for r in order][1:3] == ["VIP Regular", "Regular"]
    with pytest.raises(discord.Forbidden):
        await rig.guild.edit_role_positions({roles["Moderator"]: 1})


async def test_emojis_and_channels_are_listed(rig: Rig) -> None:
    [hype] = await rig.guild.fetch_emojis()
    assert (await rig.guild.fetch_emoji(hype.id)).name == "hype"
    assert len(await rig.guild.fetch_channels()) == 5
    [channel] = [c for c in await rig.guild.fetch_channels() if c.name == "mods"]
    assert channel.overwrites_for(rig.guild.default_role).view_channel is False
    await channel.set_permissions(rig.guild.default_role, overwrite=None)
    await rig.hands.message("mia", "mods", "open at last")
    nowhere = f"/channels/{channel.id}/permissions/{rig.guild.id}"
    assert await refused(rig, "DELETE", nowhere) == 10009


async def test_channel_fields_are_validated(rig: Rig) -> None:
    await rig.permit("MANAGE_CHANNELS")
    assert await refused(rig, "POST", f"/guilds/{GUILD_ID}/channels", json={}) == 50035
    too_long = {"topic": "x" * 1025}
    assert await refused(rig, "PATCH", f"/channels/{rig.general.id}", json=too_long) == 50035
    edited = await rig.general.edit(slowmode_delay=5, nsfw=True)
    assert edited is not None
    assert (edited.slowmode_delay, edited.nsfw) == (5, True)
    await rig.general.edit(position=2)
    order = [channel["name"] for channel in (await rig.hands.state())["guilds"][0]["channels"]]
    assert order == ["slot-calls", "general", "raffle", "bot-log", "mods"]
    overwrite = discord.PermissionOverwrite(send_messages=False)
    await rig.general.edit(overwrites={rig.guild.default_role: overwrite})
    with pytest.raises(DriverError, match="50013"):
        await rig.hands.message("mia", "general", "hello")


async def test_dm_channel_is_not_a_guild_channel(rig: Rig) -> None:
    channel = await rig.member("mia").create_dm()
    assert (await rig.member("mia").create_dm()).id == channel.id
    assert await refused(rig, "DELETE", f"/channels/{channel.id}") == 50003
    message_id = await rig.hands.message("mia", "dm", "mine")
    assert await refused(rig, "DELETE", f"/channels/{channel.id}/messages/{message_id}") == 50003
    own = {"recipient_id": str(rig.guild.me.id)}
    assert await refused(rig, "POST", "/users/@me/channels", json=own) == 50033


async def test_single_commands_are_upserted_edited_and_deleted(rig: Rig) -> None:
    path = f"/applications/{rig.guild.me.id}/guilds/{GUILD_ID}/commands"
    made = await call(rig, "POST", path, json={"name": "solo", "description": "One"})
    again = await call(rig, "POST", path, json={"name": "solo", "description": "Two"})
    assert made["id"] == again["id"]
    assert made["version"] != again["version"]
    edited = await call(rig, "PATCH", f"{path}/{made['id']}", json={"name": "duo"})
    assert (edited["id"], edited["name"], edited["description"]) == (made["id"], "duo", "Two")
    assert (await call(rig, "GET", f"{path}/{made['id']}"))["name"] == "duo"
    assert [item["name"] for item in await call(rig, "GET", path)] == ["duo"]
    await call(rig, "DELETE", f"{path}/{made['id']}")
    assert await refused(rig, "GET", f"{path}/{made['id']}") == 10063
    foreign = f"/applications/{rig.guild.me.id}/guilds/1/commands"
    assert await refused(rig, "GET", foreign) == 50001


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "description": ""},
        {"name": "has space", "description": "d"},
        {"name": "x", "description": "d" * 101},
        {
            "name": "x",
            "description": "d",
            "options": [
                {"type": 3, "name": "a", "description": "d"},
                {"type": 3, "name": "b", "description": "d", "required": True},
            ],
        },
        {
            "name": "x",
            "description": "d",
            "options": [{"type": 3, "name": f"o{n}", "description": "d"} for n in range(26)],
        },
    ],
)
async def test_invalid_commands_are_rejected(rig: Rig, body: dict[str, Any]) -> None:
    path = f"/applications/{rig.guild.me.id}/commands"
    assert await refused(rig, "PUT", path, json=[body]) == 50035
    assert await refused(rig, "PUT", path, json={"not": "a list"}) == 50035


async def test_too_many_and_duplicate_commands_are_rejected(rig: Rig) -> None:
    path = f"/applications/{rig.guild.me.id}/commands"
    many = [{"name": f"c{n}", "description": "d"} for n in range(101)]
    assert await refused(rig, "PUT", path, json=many) == 30032
    assert await refused(rig, "PUT", path, json=[many[0], many[0]]) == 50035


async def test_invalid_numbers_are_rejected(rig: Rig) -> None:
    assert await refused(rig, "GET", "/channels/abc") == 50035
    messages = f"/channels/{rig.general.id}/messages"
    assert await refused(rig, "GET", messages, params={"limit": "x"}) == 50035
    assert await refused(rig, "GET", messages, params={"limit": "101"}) == 50035
    assert await refused(rig, "POST", f"{messages}/bulk-delete", json={"messages": ["1"]}) == 50035
    assert await refused(rig, "POST", messages, json=["content"]) == 50035
    assert await refused(rig, "POST", messages, json={"embeds": "x"}) == 50035
    assert await refused(rig, "POST", messages, json={"content": "x", "nonce": "n" * 26}) == 50035


async def test_reactions_are_listed_and_removed(rig: Rig) -> None:
    message_id = await rig.hands.message("mia", "general", "vote")
    for emoji in ("👍", "👎"):
        await rig.hands.react("mia", message_id, emoji)
    message = await rig.general.fetch_message(int(message_id))
    await message.remove_reaction("👍", rig.member("mia"))
    await message.clear_reaction("👎")
    assert (await rig.general.fetch_message(int(message_id))).reactions == []
    for n in range(20):
        await message.add_reaction(chr(0x1F600 + n))
    with pytest.raises(discord.HTTPException) as error:
        await message.add_reaction("👍")
    assert error.value.code == 30010


async def test_people_can_pin_with_permission_and_type(rig: Rig) -> None:
    message_id = await rig.hands.message("mia", "general", "look")
    with pytest.raises(DriverError, match="50013"):
        await rig.hands.pin("mia", message_id)
    await rig.hands.pin("tomas", message_id)
    await rig.hands.pin("tomas", message_id, remove=True)
    typing = rig.event("typing", lambda channel, user, when: not user.bot)
    await rig.hands.typing("mia", "general")
    assert (await typing)[1] == rig.member("mia")
    async with rig.general.typing():
        pass


async def test_admin_creates_roles_and_channels(rig: Rig) -> None:
    await rig.hands.role("Helper", permissions=["MANAGE_MESSAGES"], color=0xFF)
    await rig.hands.member("mia", roles=["Helper"])
    assert await rig.hands.roles_of("mia") == ["Helper"]
    await rig.hands.channel("lounge", create=True)
    await rig.hands.message("mia", "lounge", "cosy")
    await rig.hands.channel("lounge", delete=True)
    with pytest.raises(DriverError) as error:
        await rig.hands.message("mia", "lounge", "hello?")
    assert error.value.status == 404


@pytest.mark.parametrize(
    ("act", "args", "status"),
    [
        ("message", ("nobody", "general", "x"), 404),
        ("message", ("mia", "nowhere", "x"), 404),
        ("member", ("mia",), 404),
        ("role", ("Ghost",), 404),
        ("react", ("mia", "123", "👍"), 404),
        ("react", ("mia", "abc", "👍"), 400),
        ("gateway", ("explode",), 400),
        ("overwrite", ("general", "mia", ["FLY"]), 400),
        ("interaction", ("1",), 404),
    ],
)
async def test_control_api_explains_errors(
    rig: Rig, act: str, args: tuple[Any, ...], status: int
) -> None:
    more: dict[str, Any] = {}
    if act == "member":
        more = {"roles": ["Ghost"]}
    elif act == "role":
        more = {"delete": True}
    with pytest.raises(DriverError) as error:
        await getattr(rig.hands, act)(*args, **more)
    assert error.value.status == status


async def test_disabled_button_cannot_be_pressed(rig: Rig) -> None:
    view = Panel()
    view.whisper.disabled = True
    message = await rig.general.send("panel", view=view)
    with pytest.raises(DriverError) as error:
        await rig.hands.click("mia", str(message.id), "panel:whisper")
    assert error.value.status == 409


async def test_every_avatar_is_a_png(rig: Rig) -> None:
    async with aiohttp.ClientSession() as http:
        state = await rig.hands.state()
        for url in (state["bot"]["avatar_url"], f"{rig.world.cdn_url}/embed/avatars/0.png"):
            async with http.get(url) as answer:
                assert answer.content_type == "image/png"
                assert (await answer.read()).startswith(b"\x89PNG")
        async with http.get(f"{rig.world.cdn_url}/attachments/1/2/none.png") as answer:
            assert answer.status == 404


async def test_transcript_continues_after_a_message(rig: Rig) -> None:
    first = await rig.hands.message("mia", "general", "one")
    await rig.hands.message("mia", "general", "two")
    assert [x["content"] for x in await rig.hands.transcript("general", after=first)] == ["two"]
