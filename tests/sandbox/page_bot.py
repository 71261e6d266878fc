"""A small discord.py bot that shows everything the page can draw.

Runs as its own process (`python -m tests.sandbox.page_bot`), because discord.py's addresses are
global: `DISCORD_API_URL` and `DISCORD_TOKEN` say where the sandbox is.
"""

from __future__ import annotations

import os
import time

import discord
import yarl
from discord import app_commands, ui
from discord.ext import commands

GREEN = discord.Colour(0x53FC18)


class SlotModal(ui.Modal, title="Call a slot"):
    """A text field and a long one."""

    slot: ui.TextInput[SlotModal] = ui.TextInput(label="Slot", placeholder="Book of Dead")
    note: ui.TextInput[SlotModal] = ui.TextInput(
        label="Why this one?", style=discord.TextStyle.paragraph, required=False
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        await interaction.response.send_message(f"Called **{self.slot.value}**", ephemeral=True)


class Queue(ui.View):
    """Buttons and a select menu under a slot call."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @ui.button(label="Done", style=discord.ButtonStyle.success, emoji="✅", custom_id="done")
    async def done(self, interaction: discord.Interaction, _button: ui.Button[Queue]) -> None:
        await interaction.response.edit_message(
            content=f"Played, says {interaction.user.display_name}", view=self
        )

    @ui.button(label="Skip", style=discord.ButtonStyle.secondary, custom_id="skip")
    async def skip(self, interaction: discord.Interaction, _button: ui.Button[Queue]) -> None:
        await interaction.response.send_message("Skipped for **you**", ephemeral=True)

    @ui.button(label="Call another", style=discord.ButtonStyle.primary, custom_id="another")
    async def another(self, interaction: discord.Interaction, _button: ui.Button[Queue]) -> None:
        await interaction.response.send_modal(SlotModal())

    @ui.button(label="Block viewer", style=discord.ButtonStyle.danger, custom_id="block")
    async def block(self, interaction: discord.Interaction, _button: ui.Button[Queue]) -> None:
        await interaction.response.defer()

    @ui.select(
        custom_id="period",
        placeholder="Which period?",
        options=[
            discord.SelectOption(label="All time", value="all"),
            discord.SelectOption(label="This month", value="month", description="since the 1st"),
        ],
    )
    async def period(self, interaction: discord.Interaction, select: ui.Select[Queue]) -> None:
        await interaction.response.send_message(f"Chosen: {select.values[0]}", ephemeral=True)


class Card(ui.LayoutView):
    """Components V2: container, section, separator, small text, a row."""

    def __init__(self, avatar: str) -> None:
        super().__init__()
        row: ui.ActionRow[Card] = ui.ActionRow(
            ui.Button(label="Link Kick", style=discord.ButtonStyle.primary, custom_id="card:link"),
            ui.Button(label="Open Kick", url="https://kick.com/noraplays"),
        )
        self.add_item(
            ui.Container(
                ui.Section(
                    ui.TextDisplay("## 🔗 Link your Kick account\n1. Press the button\n2. Say yes"),
                    accessory=ui.Thumbnail(avatar),
                ),
                ui.Separator(),
                ui.TextDisplay(f"-# Asked <t:{int(time.time()) - 90}:R>"),
                row,
                accent_colour=GREEN,
            )
        )


def slot_embed(caller: str, avatar: str) -> discord.Embed:
    embed = discord.Embed(
        title="🎰 Book of Dead",
        description=f"Called by **{caller}** <t:{int(time.time())}:R>",
        colour=GREEN,
    )
    embed.set_author(name=caller, icon_url=avatar)
    embed.set_thumbnail(url=avatar)
    for name, value in (("Position", "`3`"), ("Platform", "Kick"), ("Queue", "▰▰▰▱▱ 62 %")):
        embed.add_field(name=name, value=value)
    embed.add_field(name="Provider", value="Play'n GO", inline=False)
    embed.set_footer(text="Regulars • slot calls")
    return embed


def build() -> commands.Bot:
    """The bot, with its commands; slash and `!` alike."""
    intents = discord.Intents.default()
    intents.message_content = intents.members = True
    bot = commands.Bot("!", intents=intents, allowed_mentions=discord.AllowedMentions.none())

    @bot.hybrid_command(description="Show a slot call")
    async def call(ctx: commands.Context[commands.Bot], *, slot: str = "Book of Dead") -> None:
        avatar = ctx.author.display_avatar.url
        await ctx.send(slot, embed=slot_embed(ctx.author.display_name, avatar), view=Queue())

    # discord.py's types do not see through a converted parameter (here and below).
    @bot.hybrid_command(description="Who watched the most")  # type: ignore[arg-type]
    @app_commands.describe(top="How many places to show")
    async def leaderboard(
        ctx: commands.Context[commands.Bot], top: commands.Range[int, 1, 25] = 10
    ) -> None:
        await ctx.defer(ephemeral=True)
        await ctx.send(f"Top {top}: 🥇 MadCats 12 h, 🥈 lil bean 9 h", ephemeral=True)

    @bot.hybrid_command(description="The link panel")
    async def panel(ctx: commands.Context[commands.Bot]) -> None:
        await ctx.send(view=Card(ctx.author.display_avatar.url))

    @bot.hybrid_command(description="Write me a direct message")
    async def whisper(ctx: commands.Context[commands.Bot]) -> None:
        await ctx.author.send("Psst, only **you** read this.")
        await ctx.send("Look at your messages.", ephemeral=True)

    @bot.hybrid_group(description="Slot calls on or off")
    @app_commands.default_permissions(manage_guild=True)
    async def slotcalls(ctx: commands.Context[commands.Bot]) -> None:
        await ctx.send("on, off or status?")

    @slotcalls.command(description="Are slot calls open?")
    async def status(ctx: commands.Context[commands.Bot]) -> None:
        await ctx.send("Slot calls are **on**", ephemeral=True)

    @slotcalls.command(description="Give a role to somebody")  # type: ignore[arg-type]
    async def reward(
        ctx: commands.Context[commands.Bot], who: discord.Member, role: discord.Role
    ) -> None:
        await ctx.send(f"{who.mention} gets {role.mention}")

    @bot.event
    async def setup_hook() -> None:
        bot.add_view(Queue())
        await bot.tree.sync()

    return bot


def main() -> None:
    api = os.environ["DISCORD_API_URL"]
    gateway = api.replace("http", "ws", 1).replace("/api/v10", "/gateway")
    discord.http.Route.BASE = api
    discord.gateway.DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(gateway)
    build().run(os.environ["DISCORD_TOKEN"], log_handler=None)


if __name__ == "__main__":
    main()
