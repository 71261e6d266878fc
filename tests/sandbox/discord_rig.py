"""A real discord.py bot against the fake Discord, over real sockets, in one event loop."""

import asyncio
import contextlib
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

import discord
import yarl
from aiohttp import web
from discord import app_commands
from discord.ext import commands
from discord.gateway import DiscordWebSocket
from discord.http import Route

from sandbox import control
from sandbox.change_feed import ChangeFeed
from sandbox.discord.driver import DiscordDriver
from sandbox.discord.permissions import Permission
from sandbox.discord.routes import routes
from sandbox.discord.seed import BOT_MAY, NORAS_CORNER_ID, channel_id
from sandbox.discord.service import DiscordService
from sandbox.faults import Faults
from sandbox.people import PEOPLE
from tests.patience import PATIENCE, until_async

GUILD_ID = NORAS_CORNER_ID
GENERAL_ID = channel_id(GUILD_ID, "general")


class CounterButton(
    discord.ui.DynamicItem[discord.ui.Button[discord.ui.View]], template=r"count:(?P<n>\d+)"
):
    """Keeps its state in its custom_id, so that it works for a bot that never saw the message."""

    def __init__(self, n: int) -> None:
        self.n = n
        super().__init__(discord.ui.Button(label=f"{n}", custom_id=f"count:{n}"))

    @classmethod
    async def from_custom_id(cls, _click: Any, _item: Any, match: Any, /) -> "CounterButton":
        return cls(int(match["n"]))

    async def callback(self, interaction: discord.Interaction) -> None:
        view = discord.ui.View(timeout=None)
        view.add_item(CounterButton(self.n + 1))
        await interaction.response.edit_message(content=f"count {self.n + 1}", view=view)


class Panel(discord.ui.View):
    """Persistent: fixed custom_ids and no timeout."""

    def __init__(self) -> None:
        super().__init__(timeout=None)

    @discord.ui.button(label="Whisper", custom_id="panel:whisper")
    async def whisper(self, interaction: discord.Interaction, _button: Any) -> None:
        await interaction.response.send_message("only you", ephemeral=True)

    @discord.ui.button(label="Form", custom_id="panel:form")
    async def form(self, interaction: discord.Interaction, _button: Any) -> None:
        await interaction.response.send_modal(Form())

    @discord.ui.select(
        custom_id="panel:fruit",
        max_values=2,
        options=[discord.SelectOption(label="Apple"), discord.SelectOption(label="Pear")],
    )
    async def fruit(self, interaction: discord.Interaction, select: discord.ui.Select[Any]) -> None:
        await interaction.response.send_message(" and ".join(select.values))

    @discord.ui.select(cls=discord.ui.UserSelect, custom_id="panel:user")
    async def user(
        self, interaction: discord.Interaction, select: discord.ui.UserSelect[Any]
    ) -> None:
        await interaction.response.defer()
        chosen = select.values[0]
        await interaction.followup.send(f"{type(chosen).__name__} {chosen.display_name}")


class Pickers(discord.ui.View):
    """A select for everything that is not a word."""

    def __init__(self) -> None:
        super().__init__(timeout=None)
        for kind in (
            discord.ui.RoleSelect,
            discord.ui.ChannelSelect,
            discord.ui.MentionableSelect,
        ):
            self.add_item(self._select(kind))

    def _select(self, kind: Any) -> discord.ui.Item["Pickers"]:
        select = kind(custom_id=f"pick:{kind.__name__}", max_values=3)

        async def chosen(interaction: discord.Interaction) -> None:
            words = [f"{type(value).__name__} {value}" for value in select.values]
            await interaction.response.send_message(", ".join(words))

        select.callback = chosen
        return select


class FruitForm(discord.ui.Modal, title="Choose"):
    fruit: discord.ui.Label[Any] = discord.ui.Label(
        text="Fruit",
        component=discord.ui.Select(
            custom_id="fruit",
            required=False,
            options=[discord.SelectOption(label="Apple"), discord.SelectOption(label="Pear")],
        ),
    )
    who: discord.ui.Label[Any] = discord.ui.Label(
        text="Who", component=discord.ui.UserSelect(custom_id="who")
    )
    note: discord.ui.TextDisplay[Any] = discord.ui.TextDisplay("Be quick")

    async def on_submit(self, interaction: discord.Interaction) -> None:
        assert isinstance(self.fruit.component, discord.ui.Select)
        assert isinstance(self.who.component, discord.ui.UserSelect)
        text = f"{self.fruit.component.values} {self.who.component.values[0].display_name}"
        await interaction.response.send_message(text)


class Form(discord.ui.Modal, title="A form"):
    name: discord.ui.TextInput[Any] = discord.ui.TextInput(label="Name", max_length=10)
    more: discord.ui.Label[Any] = discord.ui.Label(
        text="More", component=discord.ui.TextInput(required=False, custom_id="more")
    )

    async def on_submit(self, interaction: discord.Interaction) -> None:
        assert isinstance(self.more.component, discord.ui.TextInput)
        text = f"hello {self.name.value} {self.more.component.value or '-'}"
        await interaction.response.send_message(text, ephemeral=True)


class RigBot(commands.Bot):
    """An ordinary bot; only the five second pause before a new IDENTIFY is left out."""

    def __init__(self, intents: discord.Intents, **options: Any) -> None:
        super().__init__("!", intents=intents, guild_ready_timeout=0.02, **options)
        self.seen: list[str] = []
        self.errors: list[Exception] = []

    async def before_identify_hook(self, shard_id: int | None, *, initial: bool = False) -> None:
        return

    async def setup_hook(self) -> None:
        self.add_view(Panel())
        self.add_dynamic_items(CounterButton)
        for command in COMMANDS:
            self.add_command(command())
        self.tree.add_command(pick)
        await self.tree.sync()

    async def on_message(self, message: discord.Message, /) -> None:
        if not message.author.bot:
            self.seen.append(message.content)
        await self.process_commands(message)

    async def on_command_error(self, _context: Any, exception: Exception, /) -> None:
        self.errors.append(exception)


def _ping() -> commands.Command[Any, ..., Any]:
    @commands.hybrid_command(description="Answers")
    async def ping(ctx: commands.Context[RigBot]) -> None:
        await ctx.send("pong", embed=discord.Embed(title="Ping", description="pong"))

    return ping


def _who() -> commands.Command[Any, ..., Any]:
    @commands.hybrid_command(description="Says whom and where")  # type: ignore[arg-type]
    async def who(
        ctx: commands.Context[RigBot],
        member: discord.Member,
        role: discord.Role | None = None,
        channel: discord.TextChannel | None = None,
        times: commands.Range[int, 1, 5] = 1,
    ) -> None:
        await ctx.send(f"{member.display_name} {role} {channel} x{times}", ephemeral=True)

    return who


def _slow() -> commands.Command[Any, ..., Any]:
    @commands.hybrid_command(description="Thinks first")
    async def slow(ctx: commands.Context[RigBot]) -> None:
        await ctx.defer(ephemeral=True)
        await asyncio.sleep(0.05)
        await ctx.send("done thinking")

    return slow


def _mods() -> commands.Command[Any, ..., Any]:
    @commands.hybrid_group(description="For moderators", fallback="status")
    @app_commands.default_permissions(manage_messages=True)
    async def mods(ctx: commands.Context[RigBot]) -> None:
        await ctx.send("status: fine")

    @mods.command(description="Turns it on")
    async def on(ctx: commands.Context[RigBot]) -> None:
        await ctx.send("it is on")

    return mods


COMMANDS: tuple[Callable[[], commands.Command[Any, ..., Any]], ...] = (_ping, _who, _slow, _mods)


@app_commands.command(description="Offers choices while typing")
async def pick(interaction: discord.Interaction, game: str) -> None:
    await interaction.response.send_message(game)


@pick.autocomplete("game")
async def _games(_interaction: discord.Interaction, current: str) -> list[app_commands.Choice[str]]:
    games = ("Book of Dead", "Book of Ra", "Gonzo")
    return [app_commands.Choice(name=g, value=g) for g in games if current in g]


class Hands:
    """The synchronous driver, each call on a thread, because the sandbox lives in this loop."""

    def __init__(self, driver: DiscordDriver) -> None:
        self._driver = driver

    def __getattr__(self, name: str) -> Callable[..., Any]:
        method = getattr(self._driver, name)

        async def act(*args: Any, **kwargs: Any) -> Any:
            return await asyncio.to_thread(method, *args, **kwargs)

        return act


@dataclass
class Rig:
    world: DiscordService
    bot: RigBot
    hands: Hands
    runs: list[asyncio.Task[None]] = field(default_factory=list)

    @property
    def guild(self) -> discord.Guild:
        guild = self.bot.get_guild(GUILD_ID)
        assert guild is not None
        return guild

    @property
    def general(self) -> discord.TextChannel:
        channel = self.guild.get_channel(GENERAL_ID)
        assert isinstance(channel, discord.TextChannel)
        return channel

    def member(self, handle: str) -> discord.Member:
        person = next(p for p in PEOPLE if p.handle == handle)
        member = self.guild.get_member(person.discord_id)
        assert member is not None
        return member

    async def permit(self, *names: str) -> None:
        """Give the bot's role these permissions, in addition to those of the invitation."""
        more = sum(Permission[name] for name in names)
        await self.hands.role("Regulars", permissions=int(BOT_MAY | more))
        await until_async(
            lambda: self.guild.me.guild_permissions.value & more == more, "the permissions"
        )

    def event(self, name: str, check: Callable[..., bool] | None = None) -> asyncio.Task[Any]:
        """A task that waits, from now on, for an event of discord.py."""
        return asyncio.create_task(self.bot.wait_for(name, check=check, timeout=PATIENCE))


@asynccontextmanager
async def open_rig(intents: discord.Intents | None = None) -> AsyncIterator[Rig]:
    """A fake Discord with a bot that is ready."""
    async with open_world() as world:
        bot = RigBot(intents or discord.Intents.all())
        driver = DiscordDriver(world.base_url)
        run = asyncio.create_task(bot.start(world.token))
        try:
            await ready(bot, run)
            yield Rig(world, bot, Hands(driver), [run])
        finally:
            await bot.close()
            run.cancel()
            with contextlib.suppress(asyncio.CancelledError, Exception):
                await run
            driver.close()


async def ready(bot: discord.Client, run: asyncio.Task[None]) -> None:
    """Ready, or the error with which the bot ended.

    Its own `ready` waits but a moment for the guilds, which a busy machine may exceed.
    """

    def complete(guild: discord.Guild) -> bool:
        return not guild.unavailable and (guild.chunked or not bot.intents.members)

    await until_async(
        lambda: run.done() or (bot.is_ready() and all(map(complete, bot.guilds))), "a ready bot"
    )
    if run.done():
        run.result()


@asynccontextmanager
async def open_world() -> AsyncIterator[DiscordService]:
    """The fake Discord alone on a free port; discord.py uses it in the meantime."""
    listening = socket.socket()
    listening.bind(("127.0.0.1", 0))
    changes, faults = ChangeFeed(), Faults()
    base_url = f"http://127.0.0.1:{listening.getsockname()[1]}"
    world = DiscordService(PEOPLE, changes, faults, base_url)
    faults.set("discord.interactions.deadline_ms", int(PATIENCE * 1000))
    app = web.Application(middlewares=[control.control_errors])
    app.add_routes(routes(world))
    app.add_routes(control.routes(changes, faults, {"discord": world}))
    runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.1)
    await runner.setup()
    await web.SockSite(runner, listening).start()
    try:
        with pointing_at(world):
            yield world
    finally:
        await world.close()
        await runner.cleanup()


@contextlib.contextmanager
def pointing_at(world: DiscordService) -> Iterator[None]:
    base, gateway = Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY
    Route.BASE = world.api_url
    DiscordWebSocket.DEFAULT_GATEWAY = yarl.URL(world.gateway_url)
    try:
        yield
    finally:
        Route.BASE, DiscordWebSocket.DEFAULT_GATEWAY = base, gateway
