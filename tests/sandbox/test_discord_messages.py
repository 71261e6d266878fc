"""Messages, replies, embeds, files, reactions, pins and direct messages."""

import io
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import discord
import pytest

from sandbox.driver import DriverError
from tests.patience import until_async
from tests.sandbox.discord_rig import Rig, open_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as opened:
        yield opened


async def transcript(rig: Rig, channel: str = "general") -> list[Any]:
    lines: list[Any] = await rig.hands.transcript(channel)
    return lines


def form_error(error: discord.HTTPException) -> str:
    assert (error.status, error.code) == (400, 50035)
    return error.text


async def test_messages_are_sent_edited_and_deleted(rig: Rig) -> None:
    sent = await rig.general.send("hello")
    edited = await sent.edit(content="hello again", embed=discord.Embed(title="T", colour=0xFF))
    assert (edited.content, edited.embeds[0].title) == ("hello again", "T")
    assert edited.edited_at is not None
    [line] = await transcript(rig)
    assert (line["author"], line["content"], line["edited"]) == ("bot", "hello again", True)
    await sent.delete()
    assert await transcript(rig) == []
    with pytest.raises(discord.NotFound) as gone:
        await rig.general.fetch_message(sent.id)
    assert gone.value.code == 10008


async def test_bot_receives_edits_and_deletions(rig: Rig) -> None:
    message_id = await rig.hands.message("mia", "general", "first")
    await until_async(lambda: rig.bot.seen)
    edit = rig.event("message_edit")
    await rig.hands.edit_message("mia", message_id, "second")
    before, after = await edit
    assert (before.content, after.content) == ("first", "second")
    gone = rig.event("message_delete")
    await rig.hands.delete_message(message_id)
    assert (await gone).content == "second"


async def test_history_pages_in_both_directions(rig: Rig) -> None:
    sent = [await rig.general.send(f"line {n}") for n in range(7)]
    newest = [m.content async for m in rig.general.history(limit=3)]
    assert newest == ["line 6", "line 5", "line 4"]
    after = [m.content async for m in rig.general.history(after=sent[4])]
    assert after == ["line 5", "line 6"]
    before = [m.content async for m in rig.general.history(before=sent[2])]
    assert before == ["line 1", "line 0"]
    around = [m.content async for m in rig.general.history(around=sent[3], limit=3)]
    assert sorted(around) == ["line 2", "line 3", "line 4"]


async def test_messages_are_bulk_deleted(rig: Rig) -> None:
    for n in range(4):
        await rig.hands.message("mia", "general", f"spam {n}")
    gone = rig.event("raw_bulk_message_delete")
    assert len(await rig.general.purge(limit=3)) == 3
    assert len((await gone).message_ids) == 3
    assert [line["content"] for line in await transcript(rig)] == ["spam 0"]


async def test_repeated_nonce_creates_one_message(rig: Rig) -> None:
    first = await rig.general.send("call 17", nonce="outbox-17")
    again = await rig.general.send("call 17", nonce="outbox-17")
    other = await rig.general.send("call 18", nonce="outbox-18")
    assert first.id == again.id != other.id
    assert first.nonce == "outbox-17"
    elsewhere = rig.guild.text_channels[1]
    assert (await elsewhere.send("call 17", nonce="outbox-17")).id != first.id
    assert [line["content"] for line in await transcript(rig)] == ["call 17", "call 18"]


async def test_replies_reference_their_message_and_mention_by_default(rig: Rig) -> None:
    message_id = await rig.hands.message("mia", "general", "who is there?")
    original = await rig.general.fetch_message(int(message_id))
    reply = await original.reply("me")
    assert reply.reference is not None
    assert isinstance(reply.reference.resolved, discord.Message)
    assert reply.reference.resolved.content == "who is there?"
    assert reply.mentions == [rig.member("mia")]
    quiet = await original.reply("me", mention_author=False)
    assert quiet.mentions == []
    await original.delete()
    with pytest.raises(discord.HTTPException) as error:
        await original.reply("too late")
    assert "Unknown message" in form_error(error.value)


async def test_person_can_reply(rig: Rig) -> None:
    sent = await rig.general.send("question")
    heard = rig.event("message", lambda message: not message.author.bot)
    await rig.hands.message("mia", "general", "answer", reply_to=str(sent.id))
    message = await heard
    assert message.reference is not None
    assert message.reference.message_id == sent.id


async def test_allowed_mentions_decide_who_is_mentioned(rig: Rig) -> None:
    assert not (await rig.general.send("@everyone")).mention_everyone
    await rig.permit("MENTION_EVERYONE")
    mia = rig.member("mia")
    text = f"{mia.mention} @everyone"
    loud = await rig.general.send(text)
    assert (loud.mentions, loud.mention_everyone) == ([mia], True)
    quiet = await rig.general.send(text, allowed_mentions=discord.AllowedMentions.none())
    assert (quiet.mentions, quiet.mention_everyone) == ([], False)
    message_id = await rig.hands.message("mia", "general", "@everyone look")
    assert not (await rig.general.fetch_message(int(message_id))).mention_everyone


@pytest.mark.parametrize(
    ("embed", "where"),
    [
        (discord.Embed(title="t" * 257), "title"),
        (discord.Embed(description="d" * 4097), "description"),
        (discord.Embed().add_field(name="n" * 257, value="v"), "fields"),
        (discord.Embed().add_field(name="n", value="v" * 1025), "fields"),
        (discord.Embed().add_field(name="", value="v"), "This field is required"),
        (discord.Embed(title="t").set_footer(text="f" * 2049), "footer"),
        (discord.Embed(title="t").set_author(name="a" * 257), "author"),
        (discord.Embed(title="t", url="ftp://example.org/"), "Scheme"),
    ],
)
async def test_embeds_over_their_limits_are_50035(
    rig: Rig, embed: discord.Embed, where: str
) -> None:
    with pytest.raises(discord.HTTPException) as error:
        await rig.general.send(embed=embed)
    assert where in form_error(error.value)
    assert await transcript(rig) == []


async def test_embeds_are_limited_to_6000_characters_and_25_fields(rig: Rig) -> None:
    full = [discord.Embed(description="d" * 3000), discord.Embed(description="d" * 3000)]
    assert len((await rig.general.send(embeds=full)).embeds) == 2
    with pytest.raises(discord.HTTPException, match="6000"):
        await rig.general.send(embeds=[*full, discord.Embed(title="x")])
    crowded = discord.Embed()
    for n in range(26):
        crowded.add_field(name=f"{n}", value="v")
    with pytest.raises(discord.HTTPException, match="25 or fewer"):
        await rig.general.send(embed=crowded)


async def test_long_and_empty_messages_are_rejected(rig: Rig) -> None:
    await rig.general.send("😀" * 2000)
    with pytest.raises(discord.HTTPException, match="2000 or fewer"):
        await rig.general.send("x" * 2001)
    with pytest.raises(discord.HTTPException) as error:
        await rig.general.send("")
    assert error.value.code == 50006


async def test_files_are_stored_and_served(rig: Rig) -> None:
    embed = discord.Embed(title="chart").set_image(url="attachment://chart.png")
    files = [
        discord.File(io.BytesIO(b"PNG"), "chart.png"),
        discord.File(io.BytesIO(b"a,b"), "data.csv", description="the data"),
    ]
    sent = await rig.general.send("see", embed=embed, files=files)
    [attachment] = sent.attachments
    assert (attachment.filename, attachment.size, attachment.description) == (
        "data.csv",
        3,
        "the data",
    )
    assert await attachment.read() == b"a,b"
    async with aiohttp.ClientSession() as http, http.get(str(sent.embeds[0].image.url)) as answer:
        assert await answer.read() == b"PNG"


async def test_people_and_bot_react(rig: Rig) -> None:
    sent = await rig.general.send("vote")
    await sent.add_reaction("👍")
    heard = rig.event("raw_reaction_add", lambda event: not event.member.bot)
    await rig.hands.react("mia", str(sent.id), "👍")
    event = await heard
    assert (event.member, str(event.emoji)) == (rig.member("mia"), "👍")
    [reaction] = (await rig.general.fetch_message(sent.id)).reactions
    assert (reaction.count, reaction.me) == (2, True)
    assert {user.id async for user in reaction.users()} == {rig.guild.me.id, rig.member("mia").id}
    await sent.remove_reaction("👍", rig.guild.me)
    gone = rig.event("raw_reaction_remove", lambda event: event.user_id != rig.guild.me.id)
    await rig.hands.react("mia", str(sent.id), "👍", remove=True)
    assert (await gone).user_id == rig.member("mia").id
    assert (await rig.general.fetch_message(sent.id)).reactions == []


async def test_guild_emoji_react_and_unknown_ones_are_10014(rig: Rig) -> None:
    sent = await rig.general.send("vote")
    [hype] = rig.guild.emojis
    await sent.add_reaction(hype)
    [reaction] = (await rig.general.fetch_message(sent.id)).reactions
    assert reaction.emoji == hype
    with pytest.raises(discord.NotFound) as error:
        await sent.add_reaction("nonsense")
    assert error.value.code == 10014
    await sent.clear_reactions()
    assert (await rig.general.fetch_message(sent.id)).reactions == []


async def test_pins_create_a_notice_and_an_event(rig: Rig) -> None:
    sent = await rig.general.send("rules")
    changed, edited = rig.event("guild_channel_pins_update"), rig.event("raw_message_edit")
    await sent.pin()
    await changed
    assert (await edited).message.pinned
    assert [m.id async for m in rig.general.pins()] == [sent.id]
    notice = (await transcript(rig))[-1]
    assert (notice["type"], notice["reply_to"]) == (6, str(sent.id))
    old_route = discord.http.Route("GET", "/channels/{channel_id}/pins", channel_id=rig.general.id)
    [pinned] = await rig.bot.http.request(old_route)
    assert pinned["id"] == str(sent.id)
    await sent.unpin()
    assert [m async for m in rig.general.pins()] == []


async def test_pinning_requires_its_own_permission(rig: Rig) -> None:
    sent = await rig.general.send("rules")
    await rig.hands.overwrite("general", "bot", deny=["PIN_MESSAGES"])
    with pytest.raises(discord.Forbidden) as error:
        await sent.pin()
    assert error.value.code == 50013


async def test_closed_dms_are_rejected(rig: Rig) -> None:
    mia = rig.member("mia")
    await mia.send("hello mia")
    assert [line["content"] for line in await transcript(rig, "dm:mia")] == ["hello mia"]
    await rig.hands.message("mia", "dm", "!ping")
    answer = await rig.hands.wait_for("dm:mia", lambda line: line["content"] == "pong")
    assert answer["author"] == "bot"
    await rig.hands.member("mia", dms_open=False)
    with pytest.raises(discord.Forbidden) as error:
        await mia.send("are you there?")
    assert (error.value.status, error.value.code) == (403, 50007)
    await rig.hands.member("mia", dms_open=True)
    await mia.send("ah")


async def test_dm_requires_a_mutual_guild(rig: Rig) -> None:
    sam = next(p for p in rig.world.people if p.handle == "sam")
    stranger = await rig.bot.fetch_user(sam.discord_id)
    with pytest.raises(discord.Forbidden) as error:
        await stranger.send("hello")
    assert error.value.code == 50278


async def test_unknown_objects_have_their_error_codes(rig: Rig) -> None:
    async def code(what: Any) -> int:
        with pytest.raises(discord.NotFound) as error:
            await what
        return error.value.code

    assert await code(rig.bot.fetch_channel(1)) == 10003
    assert await code(rig.bot.fetch_user(1)) == 10013
    assert await code(rig.guild.fetch_member(1)) == 10013
    sam = next(p for p in rig.world.people if p.handle == "sam")
    assert await code(rig.guild.fetch_member(sam.discord_id)) == 10007
    assert await code(rig.guild.fetch_role(1)) == 10011
    assert await code(rig.bot.fetch_guild(1)) == 10004


async def test_messages_of_others_cannot_be_edited(rig: Rig) -> None:
    message_id = await rig.hands.message("mia", "general", "mine")
    message = await rig.general.fetch_message(int(message_id))
    with pytest.raises(discord.Forbidden) as error:
        await message.edit(content="yours")
    assert error.value.code == 50005
    sent = await rig.general.send("the bot's")
    with pytest.raises(DriverError, match="author"):
        await rig.hands.edit_message("mia", str(sent.id), "mia's")
    with pytest.raises(DriverError, match="50013"):
        await rig.hands.delete_message(str(sent.id), person="mia")
    await rig.hands.delete_message(str(sent.id), person="tomas")


async def test_webhooks_post_under_their_own_name(rig: Rig) -> None:
    await rig.permit("MANAGE_WEBHOOKS")
    hook = await rig.general.create_webhook(name="Herald")
    sent = await hook.send("hear ye", wait=True, username="Crier")
    assert sent.author.name == "Crier"
    [line] = await transcript(rig)
    assert (line["author"], line["content"]) == ("Crier", "hear ye")
    await sent.edit(content="hear me")
    assert (await rig.general.webhooks())[0].name == "Herald"
    await sent.delete()
    await hook.delete()


async def test_components_v2_are_accepted(rig: Rig) -> None:
    view = discord.ui.LayoutView()
    box: discord.ui.Container[Any] = discord.ui.Container(accent_colour=0x00FF00)
    box.add_item(discord.ui.TextDisplay("# Title"))
    row: discord.ui.ActionRow[Any] = discord.ui.ActionRow()
    row.add_item(discord.ui.Button(label="Go", custom_id="go"))
    box.add_item(row)
    view.add_item(box)
    sent = await rig.general.send(view=view)
    assert sent.flags.components_v2
    assert isinstance(sent.components[0], discord.Container)
    with pytest.raises(discord.HTTPException, match="components v2"):
        await rig.bot.http.request(
            discord.http.Route(
                "POST", "/channels/{channel_id}/messages", channel_id=rig.general.id
            ),
            json={"content": "x", "flags": 1 << 15, "components": view.to_components()},
        )


async def test_component_limits_are_enforced(rig: Rig) -> None:
    async def refused(components: list[Any]) -> str:
        route = discord.http.Route(
            "POST", "/channels/{channel_id}/messages", channel_id=rig.general.id
        )
        with pytest.raises(discord.HTTPException) as error:
            await rig.bot.http.request(route, json={"content": "x", "components": components})
        return form_error(error.value)

    def button(**more: Any) -> dict[str, Any]:
        return {"type": 2, "style": 1, "label": "b", "custom_id": "b", **more}

    def row(*inside: Any) -> dict[str, Any]:
        return {"type": 1, "components": list(inside)}

    assert "between 1 and 5" in await refused([row(*(button(custom_id=f"{n}") for n in range(6)))])
    assert "duplicated" in await refused([row(button(), button())])
    assert "label or emoji" in await refused([row(button(label=None))])
    assert "80 or fewer" in await refused([row(button(label="x" * 81))])
    assert "url" in await refused([row({"type": 2, "style": 5, "label": "to"})])
    assert "must be one of (1,)" in await refused([{"type": 10, "content": "v2"}])
    assert "between 1 and 25" in await refused([row({"type": 3, "custom_id": "s", "options": []})])
