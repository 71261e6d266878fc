"""The Discord client: events, error messages and descriptions."""

import asyncio
import json
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import discord
import pytest
from discord import AppCommandOptionType, app_commands
from discord.ext import commands
from structlog.testing import capture_logs

import bot
from core.discord_thread import DiscordThread
from core.features import load_features
from core.guilds import discord as discord_client
from core.kit.database.connection import Database
from core.kit.discord.errors import handle_command_error
from core.kit.discord.ui import COLOURS
from core.kit.errors import Outage, Refusal
from core.kit.runtime.bus import LocalBus
from core.kit.runtime.settings import Settings
from core.kit.services import Services
from core.slot_calls import feature as slot_calls
from sandbox.discord.seed import NORAS_CORNER_ID, VERAS_DEN_ID, channel_id
from tests.bot_rig import bot_in_discord
from tests.patience import LENIENT, until, until_async


def context(command: Any = None) -> commands.Context[Any]:
    return cast(
        Any,
        SimpleNamespace(
            command=command,
            guild=SimpleNamespace(id=7),
            current_parameter=command.params["top"] if command else None,
            current_argument="x",
            view=SimpleNamespace(buffer="!leaderboard 5 please", index=15),
        ),
    )


async def answer_to(error: Exception) -> discord.Embed:
    """The embed that a failed command replies with."""
    sent: list[discord.Embed] = []

    async def send(*, embed: discord.Embed, ephemeral: bool) -> None:
        sent.append(embed)

    ctx = context(typed())
    ctx.send = send  # type: ignore[assignment, method-assign]
    await handle_command_error(ctx, error)
    return sent[0]


def typed() -> commands.Command[Any, ..., Any]:
    @commands.command(name="leaderboard")
    async def leaderboard(ctx: commands.Context[Any], top: int = 10) -> None:
        """Show who has watched longest."""

    return leaderboard


COOLDOWN = commands.CommandOnCooldown(commands.Cooldown(1, 30), 12.0, commands.BucketType.user)


@pytest.mark.parametrize(
    ("error", "title", "body"),
    [
        (Refusal("No stream yet.", "Come back later."), "No stream yet.", "Come back later."),
        (Outage("the database", "refused by 10.0.0.7"), "The database is not", "Nothing is lost"),
        (Outage("StreamElements"), "StreamElements is not answering", "try again"),
        (COOLDOWN, "Slow down", "<t:"),
        (commands.MissingPermissions(["manage_guild"]), "for moderators", "Manage Server"),
        (commands.NoPrivateMessage(), "in a server only", ""),
        (commands.BadArgument("x"), "“x” is not a whole number", "Usage: `!leaderboard [top=10]`"),
        (commands.RangeError(26, 1, 25), "Invalid value for `top`: “26”", "between 1 and 25"),
        (commands.RangeError(0, 1, None), "Invalid value for `top`: “0”", "Minimum: 1."),
        (commands.RangeError(9, None, 5), "Invalid value for `top`: “9”", "Maximum: 5."),
        (commands.TooManyArguments(), "Invalid value for `top`: “please”", "`!leaderboard"),
        (commands.ExpectedClosingQuoteError('"'), "quotation mark", "`!leaderboard"),
        (commands.RoleNotFound("Nobody"), "“Nobody” is not a role on this server", "Usage"),
        (commands.ChannelNotFound("#x"), "is not a channel on this server", "Usage"),
        (commands.MemberNotFound("x"), "is not a member of this server", "Usage"),
        (commands.BadBoolArgument("x"), "not `yes` or `no`", "Usage"),
        (commands.CheckFailure(), "use this command", ""),
        (app_commands.CheckFailure(), "use this command", ""),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_each_error_has_a_friendly_message(error: Exception, title: str, body: str) -> None:
    with capture_logs():
        embed = await answer_to(error)
    assert title in (embed.title or "")
    assert body in (embed.description or "")
    assert "10.0.0.7" not in f"{embed.title}{embed.description}"
    assert embed.colour is not None
    assert embed.colour.value == COLOURS["warning"]


async def test_bug_message_has_the_log_code_and_no_details() -> None:
    with capture_logs() as logged:
        embed = await answer_to(RuntimeError("of viewer 4711"))
    (line,) = logged
    assert line["code"] in (embed.description or "")
    assert line["command"] == "leaderboard"
    assert isinstance(line["exc_info"], RuntimeError)
    assert "4711" not in f"{embed.title}{embed.description}"


@pytest.mark.parametrize(
    "wrap",
    [
        commands.CommandInvokeError,
        lambda error: commands.HybridCommandError(
            app_commands.CommandInvokeError(cast(Any, SimpleNamespace(name="x")), error)
        ),
        lambda error: commands.ConversionError(cast(Any, int), error),
    ],
)
async def test_wrapped_refusal_is_unwrapped(wrap: Any) -> None:
    assert (await answer_to(wrap(Refusal("No.")))).title == "⚠️ No."


def test_bot_requests_only_the_required_intents() -> None:
    asked = {name for name, wanted in discord_client.intents() if wanted}
    assert asked == {
        *("guilds", "members", "guild_messages", "dm_messages", "message_content"),
        *("guild_reactions", "moderation"),
    }


# -- every command ---------------------------------------------------------------------------------

NO_AMOUNTS = {"number", "raffle", "chatroom_id", "channel_id", "limit", "top", "count"}
"""Options that name something, or say how many rows to show."""


@pytest.fixture(scope="module")
def described() -> list[dict[str, Any]]:
    return asyncio.run(bot._describe(load_features()))


def test_every_command_has_a_short_description(described: list[dict[str, Any]]) -> None:
    assert described
    for command in described:
        assert command["help"].endswith("."), command["name"]
        assert len(command["help"]) <= 100, f"{command['name']}: Discord takes 100 characters"
        assert command["who"]


async def test_every_slash_command_is_valid_for_discord() -> None:
    services = Services(Settings(_env_file=None), Database("postgresql://"), LocalBus())
    client = discord_client.RegularsBot(services, load_features())
    await client.add_features()
    assert len(client.tree.get_commands()) <= 100
    for command in client.tree.walk_commands():
        assert 1 <= len(command.description) <= 100, command.qualified_name
        if isinstance(command, app_commands.Group):
            assert len(command.commands) <= 25
            continue
        assert len(command.parameters) <= 25
        for parameter in command.parameters:
            assert 1 <= len(str(parameter.description)) <= 100
            assert str(parameter.description) != "…", f"{command.qualified_name} {parameter.name}"
            # Amounts are text, so that people can write `5k`: core.kit.discord.arguments.Whole.
            # discord.py also makes a text of an optional `commands.Range`.
            is_number = parameter.type == AppCommandOptionType.integer
            assert is_number == (parameter.name in NO_AMOUNTS), (
                f"{command.qualified_name} {parameter.name}"
            )
            assert parameter.type != AppCommandOptionType.number
    await client.close()


def test_commands_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert bot.main(["--commands"]) == 0
    names = [command["name"] for command in json.loads(capsys.readouterr().out)]
    assert {"health", "help"} <= set(names)
    assert names == sorted(names)


def test_chat_commands_are_printed_as_json(capsys: pytest.CaptureFixture[str]) -> None:
    assert bot.main(["--chat-commands"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert ["call", "sr"] in [command["names"] for command in found]
    assert all(command["help"] and command["usage"].startswith("!") for command in found)


def test_unknown_argument_shows_usage(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert bot.main(["--nonsense"]) == 2
    assert "--chat-commands" in capsys.readouterr().err


# -- how it is ------------------------------------------------------------------------------------


class Clock:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 18, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def thread(database: Database, clock: Any) -> DiscordThread:
    return DiscordThread(Services(Settings(_env_file=None), database, LocalBus(), clock), ())


def test_connecting_is_a_warning_and_down_after_a_minute(database: Database) -> None:
    clock = Clock()
    bot_thread = thread(database, clock)
    part, sender = bot_thread.status()
    assert (part.name, part.state, part.reason) == ("Discord bot", "warn", "Connecting.")
    assert (sender.name, sender.state) == ("Outbox sender", "down")
    clock.now += timedelta(seconds=61)
    assert bot_thread.status()[0].state == "down"


@pytest.mark.parametrize(
    ("ready", "closed", "latency", "state"),
    [
        (True, False, 0.1, "ok"),
        (True, False, float("inf"), "warn"),
        (True, True, 0.1, "warn"),
        (False, False, 0.1, "warn"),
    ],
)
def test_state_follows_gateway_readiness_and_latency(
    database: Database, ready: bool, closed: bool, latency: float, state: str
) -> None:
    bot_thread = thread(database, Clock())
    bot_thread._bot = cast(
        Any,
        SimpleNamespace(
            is_ready=lambda: ready,
            is_closed=lambda: closed,
            latency=latency,
            ws=SimpleNamespace(open=True),
            guilds=[1, 2],
            user="Regulars",
            setting_problems=list,
        ),
    )
    part = bot_thread.status()[0]
    assert part.state == state
    if state == "ok":
        assert part.reason == "Connected as Regulars, in 2 servers."


@pytest.mark.parametrize(
    ("error", "reason", "is_ours"),
    [
        (OSError("refused"), "Discord cannot be reached (OSError).", False),
        (TimeoutError(), "Discord cannot be reached (TimeoutError).", False),
        (discord.GatewayNotFound(), "Discord cannot be reached (GatewayNotFound).", False),
        (
            discord.DiscordServerError(cast(Any, SimpleNamespace(status=503, reason="")), ""),
            "Discord cannot be reached (DiscordServerError).",
            False,
        ),
        (
            discord.HTTPException(cast(Any, SimpleNamespace(status=400, reason="")), "bad command"),
            "The bot restarts after an internal error",
            True,
        ),
        (TypeError("of viewer 4711"), "The bot restarts after an internal error", True),
        (Outage("the database", "refused"), "the database is not answering: refused.", False),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else "",
)
async def test_connection_errors_are_distinguished_from_bugs(
    database: Database,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
    reason: str,
    is_ours: bool,
) -> None:
    async def fails(*_args: object) -> None:
        raise error

    bot_thread = thread(database, Clock())
    monkeypatch.setattr(bot_thread, "_connect_once", fails)
    with capture_logs() as logged:
        task = asyncio.create_task(bot_thread._keep_connected())
        await until_async(lambda: bot_thread.status()[0].reason != "Connecting.")
        task.cancel()
    said = bot_thread.status()[0].reason
    assert said.startswith(reason)
    assert "4711" not in said
    codes = [line["code"] for line in logged if "code" in line]
    assert len(codes) == is_ours
    assert all(code in said for code in codes)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ({}, None),
        ({"discord_guild_id": 4711}, "DISCORD_GUILD_ID is not a server that the bot is in"),
        ({"slot_calls_channel_id": 4711}, "SLOT_CALLS_CHANNEL_ID is not a channel of your server"),
        (
            {"slot_calls_channel_id": channel_id(VERAS_DEN_ID, "general")},
            "SLOT_CALLS_CHANNEL_ID is not a channel of your server",
        ),
        (
            {"slot_calls_channel_id": channel_id(NORAS_CORNER_ID, "mods")},
            "SLOT_CALLS_CHANNEL_ID is a channel where the bot lacks permissions: Send Messages",
        ),
    ],
)
def test_settings_that_do_not_match_discord_are_reported(
    database: Database, given: dict[str, int], said: str | None
) -> None:
    usual: dict[str, Any] = {"discord_guild_id": NORAS_CORNER_ID}
    with (
        capture_logs() as logged,
        bot_in_discord(database, slot_calls.FEATURE, until="slotcalls status", **usual | given) as (
            driver,
            bot_thread,
        ),
    ):
        driver.overwrite("mods", "bot", allow=["VIEW_CHANNEL"], deny=["SEND_MESSAGES"])
        until(lambda: bot_thread.status()[0].state == "ok", "the bot")
        if said is not None:
            until(lambda: said in _problem(bot_thread), "the problem in the health report")
            if "lacks" not in said:  # that one came later
                assert [said in line["problem"] for line in logged if "problem" in line] == [True]
        else:
            assert _problem(bot_thread) == ""


def _problem(bot_thread: DiscordThread) -> str:
    return "".join(part.reason for part in bot_thread.status() if part.name == "Discord settings")


def test_wake_and_stop_before_start_are_no_error(database: Database) -> None:
    bot_thread = thread(database, Clock())
    bot_thread.wake()
    bot_thread.stop()


def test_expired_command_is_logged_and_does_nothing(
    database: Database,
) -> None:
    with (
        bot_in_discord(database, slot_calls.FEATURE, until="slotcalls status") as (driver, _bot),
        capture_logs() as logged,
    ):
        driver.fault(interactions_deadline_ms=0)
        late = driver.slash("nora", "general", "slotcalls off")
        until(lambda: logged, "a line in the log")
        driver.reset_faults()
        driver.fault(interactions_deadline_ms=LENIENT["discord.interactions.deadline_ms"])
        shown = driver.slash("nora", "general", "slotcalls status")
    assert late["response"] is None
    assert [line["event"] for line in logged] == ["Interaction expired before the reply"]
    assert "Slot requests are on" in str(shown["response"])


def test_late_server_is_handled_after_ready(
    database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rig waits for both servers."""
    late_ms = int(discord_client.SERVERS_SECONDS * 1000) + 1000
    monkeypatch.setitem(LENIENT, "discord.gateway.late_server_ms", late_ms)
    with bot_in_discord(database, slot_calls.FEATURE, until="slotcalls status") as (driver, _bot):
        driver.message("vera", "general", "!slotcalls status", guild="Vera's Den")
        driver.wait_for("general", lambda m: m["author"] == "bot", guild="Vera's Den")
