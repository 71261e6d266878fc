"""Slash commands, buttons, selects, modals and what may go wrong with them."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import discord
import pytest
from discord.http import Route

from sandbox.driver import DriverError
from tests.sandbox.discord_rig import CounterButton, FruitForm, Panel, Pickers, Rig, open_rig


@pytest.fixture
async def rig() -> AsyncIterator[Rig]:
    async with open_rig() as opened:
        yield opened


async def panel(rig: Rig) -> str:
    return str((await rig.general.send("panel", view=Panel())).id)


async def test_hybrid_command_works_by_prefix_and_slash(rig: Rig) -> None:
    await rig.hands.message("mia", "general", "!ping")
    line = await rig.hands.wait_for("general", lambda line: line["content"] == "pong")
    assert line["embeds"][0]["title"] == "Ping"
    response = (await rig.hands.slash("mia", "general", "ping"))["response"]
    assert (response["content"], response["ephemeral"]) == ("pong", False)
    assert response["interaction_metadata"]["user"]["username"] == "madcats"


async def test_options_are_resolved(rig: Rig) -> None:
    given = {"member": "leo", "role": "Regular", "channel": "#raffle", "times": 3}
    response = (await rig.hands.slash("mia", "general", "who", given))["response"]
    assert response["content"] == "lil bean Regular raffle x3"
    assert response["ephemeral"]
    assert response["ephemeral_for"] == "mia"


@pytest.mark.parametrize(
    ("given", "complaint"),
    [
        ({}, "member is required"),
        ({"member": "nobody"}, "no user"),
        ({"member": "leo", "times": 6}, "between 1 and 5"),
        ({"member": "leo", "times": "many"}, "must be a number"),
        ({"member": "leo", "color": "red"}, "no option color"),
    ],
)
async def test_invalid_options_are_rejected_by_the_client(
    rig: Rig, given: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(DriverError, match=complaint):
        await rig.hands.slash("mia", "general", "who", given)


async def test_deferred_response_is_awaited_and_stays_ephemeral(rig: Rig) -> None:
    response = (await rig.hands.slash("mia", "general", "slow"))["response"]
    assert (response["content"], response["ephemeral"]) == ("done thinking", True)
    assert response["edited_timestamp"] is None
    [line] = await rig.hands.transcript("general")
    assert line["ephemeral_for"] == "mia"
    assert [m async for m in rig.general.history()] == []


async def test_subcommands_and_default_permissions_work(rig: Rig) -> None:
    response = (await rig.hands.slash("tomas", "general", "mods on"))["response"]
    assert response["content"] == "it is on"
    response = (await rig.hands.slash("nora", "general", "mods status"))["response"]
    assert response["content"] == "status: fine"
    with pytest.raises(DriverError) as error:
        await rig.hands.slash("mia", "general", "mods on")
    assert error.value.status == 403
    with pytest.raises(DriverError, match="no subcommand"):
        await rig.hands.slash("tomas", "general", "mods off")
    with pytest.raises(DriverError, match="10063"):
        await rig.hands.slash("tomas", "general", "nonsense")


async def test_page_lists_the_commands(rig: Rig) -> None:
    offered = {command["path"]: command for command in await rig.hands.commands()}
    assert set(offered) == {"ping", "who", "slow", "mods status", "mods on", "pick"}
    assert offered["mods on"]["default_member_permissions"] == str(1 << 13)
    assert [o["name"] for o in offered["who"]["options"]] == ["member", "role", "channel", "times"]


async def test_autocomplete_returns_matching_choices(rig: Rig) -> None:
    choices = await rig.hands.autocomplete("mia", "general", "pick", "game", {"game": "Book"})
    assert [choice["value"] for choice in choices] == ["Book of Dead", "Book of Ra"]


async def test_button_response_is_ephemeral_for_its_user(rig: Rig) -> None:
    response = (await rig.hands.click("mia", await panel(rig), "panel:whisper"))["response"]
    assert (response["content"], response["ephemeral_for"]) == ("only you", "mia")
    assert response["type"] == 19


async def test_dynamic_button_updates_its_message(rig: Rig) -> None:
    view = discord.ui.View(timeout=None)
    view.add_item(CounterButton(0))
    message_id = str((await rig.general.send("count 0", view=view)).id)
    await rig.hands.click("mia", message_id, "count:0")
    response = (await rig.hands.click("leo", message_id, "count:1"))["response"]
    assert (response["id"], response["content"]) == (message_id, "count 2")
    with pytest.raises(DriverError, match="no component"):
        await rig.hands.click("leo", message_id, "count:1")


async def test_string_and_user_selects_work(rig: Rig) -> None:
    message_id = await panel(rig)
    chosen = await rig.hands.click("mia", message_id, "panel:fruit", ["Apple", "Pear"])
    assert chosen["response"]["content"] == "Apple and Pear"
    with pytest.raises(DriverError, match="not offered"):
        await rig.hands.click("mia", message_id, "panel:fruit", ["Plum"])
    with pytest.raises(DriverError, match="between 1 and 1"):
        await rig.hands.click("mia", message_id, "panel:user", [])
    person = await rig.hands.click("mia", message_id, "panel:user", ["leo"])
    assert person["response"]["content"] == "Member lil bean"


@pytest.mark.parametrize(
    ("kind", "values", "answer"),
    [
        ("RoleSelect", ["Regular", "Moderator"], "Role Regular, Role Moderator"),
        ("ChannelSelect", ["#raffle"], "AppCommandChannel raffle"),
        ("MentionableSelect", ["Regular", "leo"], "Member lil_bean, Role Regular"),
    ],
)
async def test_role_channel_and_mentionable_selects_work(
    rig: Rig, kind: str, values: list[str], answer: str
) -> None:
    message = await rig.general.send("pick", view=Pickers())
    chosen = await rig.hands.click("mia", str(message.id), f"pick:{kind}", values)
    assert chosen["response"]["content"] == answer
    with pytest.raises(DriverError, match=r"no (role|channel|user)"):
        await rig.hands.click("mia", str(message.id), f"pick:{kind}", ["nonsense"])


async def test_modal_with_selects_works(rig: Rig) -> None:
    @rig.bot.tree.command()
    async def form(interaction: discord.Interaction) -> None:
        await interaction.response.send_modal(FruitForm())

    await rig.bot.tree.sync()
    shown = await rig.hands.slash("mia", "general", "form")
    sent = await rig.hands.modal("mia", shown["interaction_id"], {"who": ["leo"]})
    assert sent["response"]["content"] == "[] lil bean"
    with pytest.raises(DriverError, match="closed"):
        await rig.hands.modal("mia", shown["interaction_id"], {"who": ["leo"]})
    shown = await rig.hands.slash("mia", "general", "form")
    with pytest.raises(DriverError, match="no field"):
        await rig.hands.modal("mia", shown["interaction_id"], {"ghost": "x"})
    fields = {"who": ["leo"], "fruit": ["Pear"]}
    sent = await rig.hands.modal("mia", shown["interaction_id"], fields)
    assert sent["response"]["content"] == "['Pear'] lil bean"


async def test_modal_is_shown_filled_and_submitted(rig: Rig) -> None:
    shown = await rig.hands.click("mia", await panel(rig), "panel:form")
    modal = shown["response"]["modal"]
    name = modal["components"][0]["components"][0]["custom_id"]
    with pytest.raises(DriverError, match="is required"):
        await rig.hands.modal("mia", shown["interaction_id"], {})
    with pytest.raises(DriverError, match="between 0 and 10"):
        await rig.hands.modal("mia", shown["interaction_id"], {name: "x" * 11})
    with pytest.raises(DriverError, match="somebody else"):
        await rig.hands.modal("leo", shown["interaction_id"], {name: "Leo"})
    fields = {name: "Mia", "more": "here"}
    sent = await rig.hands.modal("mia", shown["interaction_id"], fields)
    assert (sent["response"]["content"], sent["response"]["ephemeral"]) == ("hello Mia here", True)


async def test_ephemeral_message_of_another_user_cannot_be_clicked(rig: Rig) -> None:
    @rig.bot.listen()
    async def on_interaction(interaction: discord.Interaction) -> None:
        if interaction.data is not None and interaction.data.get("custom_id") == "more":
            await interaction.response.edit_message(content="more!", view=None)

    @rig.bot.tree.command()
    async def secret(interaction: discord.Interaction) -> None:
        view = discord.ui.View()
        view.add_item(discord.ui.Button(label="More", custom_id="more"))
        await interaction.response.send_message("secret", view=view, ephemeral=True)

    await rig.bot.tree.sync()
    shown = (await rig.hands.slash("mia", "general", "secret"))["response"]
    with pytest.raises(DriverError, match="somebody else"):
        await rig.hands.click("leo", shown["id"], "more")
    after = (await rig.hands.click("mia", shown["id"], "more"))["response"]
    assert (after["content"], after["components"]) == ("more!", [])


async def _raw_interaction(rig: Rig) -> discord.Interaction:
    """An interaction that nothing in the bot answers."""
    view = discord.ui.View()
    view.add_item(discord.ui.Button(label="?", custom_id="raw"))
    message = await rig.general.send("raw", view=view)
    view.stop()
    heard = rig.event("interaction")
    act = asyncio.create_task(rig.hands.click("mia", str(message.id), "raw"))
    rig.runs.append(act)
    return await heard


def _callback(interaction: discord.Interaction) -> Route:
    path = "/interactions/{webhook_id}/{webhook_token}/callback"
    return Route("POST", path, webhook_id=interaction.id, webhook_token=interaction.token)


async def test_second_callback_is_40060(rig: Rig) -> None:
    interaction = await _raw_interaction(rig)
    await interaction.response.send_message("first")
    with pytest.raises(discord.HTTPException) as error:
        await rig.bot.http.request(
            _callback(interaction), json={"type": 4, "data": {"content": "second"}}
        )
    assert (error.value.status, error.value.code) == (400, 40060)


async def test_late_callback_is_10062_and_shows_nothing(rig: Rig) -> None:
    rig.world.faults.set("discord.interactions.deadline_ms", 30)
    interaction = await _raw_interaction(rig)
    await asyncio.sleep(0.05)
    with pytest.raises(discord.NotFound) as error:
        await interaction.response.send_message("too late")
    assert error.value.code == 10062
    found = await rig.hands.interaction(str(interaction.id))
    assert found["response"] is None


async def test_invalid_callback_type_is_rejected(rig: Rig) -> None:
    interaction = await _raw_interaction(rig)
    with pytest.raises(discord.HTTPException) as error:
        await rig.bot.http.request(_callback(interaction), json={"type": 8, "data": {}})
    assert error.value.code == 50035
    await interaction.response.defer()


async def test_followups_are_sent_edited_and_deleted(rig: Rig) -> None:
    interaction = await _raw_interaction(rig)
    first = await interaction.response.send_message("first")
    assert isinstance(first.resource, discord.InteractionMessage)
    follow = await interaction.followup.send("second", ephemeral=True, wait=True)
    assert follow.flags.ephemeral
    await follow.edit(content="second!")
    await interaction.edit_original_response(content="first!")
    assert (await interaction.original_response()).content == "first!"
    found = await rig.hands.interaction(str(interaction.id))
    assert [line["content"] for line in found["followups"]] == ["second!"]
    await follow.delete()
    await interaction.delete_original_response()
    path = "/webhooks/{webhook_id}/{webhook_token}/messages/@original"
    route = Route("GET", path, webhook_id=rig.world.bot.id, webhook_token=interaction.token)
    with pytest.raises(discord.NotFound) as error:
        await rig.bot.http.request(route)
    assert error.value.code == 10008


async def test_wrong_token_cannot_send_followups(rig: Rig) -> None:
    path = "/webhooks/{webhook_id}/{webhook_token}"
    route = Route("POST", path, webhook_id=rig.world.bot.id, webhook_token="guess")
    with pytest.raises(discord.NotFound) as error:
        await rig.bot.http.request(route, json={"content": "x"})
    assert error.value.code == 10015


async def test_slash_commands_work_in_a_dm(rig: Rig) -> None:
    response = (await rig.hands.slash("mia", "dm", "ping"))["response"]
    assert response["content"] == "pong"
    assert (await rig.hands.transcript("dm:mia"))[-1]["content"] == "pong"


async def test_guild_commands_override_global_ones_in_their_guild(rig: Rig) -> None:
    @discord.app_commands.command(description="Only here")
    async def here(interaction: discord.Interaction) -> None:
        await interaction.response.send_message("here")

    rig.bot.tree.add_command(here, guild=rig.guild)
    [registered] = await rig.bot.tree.sync(guild=rig.guild)
    assert registered.guild_id == rig.guild.id
    assert (await rig.hands.slash("leo", "general", "here"))["response"]["content"] == "here"
    with pytest.raises(DriverError, match="10063"):
        await rig.hands.slash("leo", "general", "here", guild="Vera's Den")


async def test_repeated_sync_keeps_ids_and_removes_deleted_commands(rig: Rig) -> None:
    before = {command.name: command.id for command in await rig.bot.tree.fetch_commands()}
    rig.bot.tree.remove_command("pick")
    await rig.bot.tree.sync()
    after = {command.name: command.id for command in await rig.bot.tree.fetch_commands()}
    assert after == {name: id_ for name, id_ in before.items() if name != "pick"}


async def test_invalid_commands_return_an_error_tree(rig: Rig) -> None:
    route = Route("PUT", "/applications/{app}/commands", app=rig.world.bot.id)
    with pytest.raises(discord.HTTPException) as error:
        await rig.bot.http.request(route, json=[{"name": "Loud", "description": ""}])
    assert error.value.code == 50035
    assert "Command name is invalid" in error.value.text
