"""Errors of Discord as messages to members: missing permissions are named, outages are reported as
such, and bugs are logged with a code."""

import re
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

import aiohttp
import discord
import structlog
from discord.ext import commands

from core.kit.discord.access import lacking_for
from core.kit.discord.arguments import explained_argument
from core.kit.discord.ui import (
    DMS_CLOSED,
    POSTING_PERMISSIONS,
    card,
    permission_names,
    refusal_card,
    reply_privately,
)
from core.kit.errors import Outage, Refusal, trouble_code
from core.kit.text.words import _

_log = structlog.get_logger(__name__)

INTERACTION_EXPIRED = 10062
"""Discord's error code for an expired interaction."""


MISSING_ACCESS = 50001
"""Discord's error code for a channel the bot cannot see."""

_NEEDED: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("PUT", r"/messages/\d+/reactions/", ("add_reactions", "read_message_history")),
    ("DELETE", r"/messages/\d+/reactions", ("manage_messages",)),
    ("PUT|DELETE", r"/channels/\d+/(messages/)?pins", ("pin_messages",)),
    ("DELETE", r"/channels/\d+/messages/\d+$", ("manage_messages",)),
    ("GET", r"/channels/\d+/messages", ("view_channel", "read_message_history")),
    ("POST|PATCH", r"/channels/\d+/messages", POSTING_PERMISSIONS),
    ("PUT|DELETE|PATCH", r"/guilds/\d+/members/\d+", ("manage_roles",)),
    ("GET|PUT|DELETE", r"/guilds/\d+/bans", ("ban_members",)),
)
"""Method and path of a call -> the permissions it needs, because Discord's response does not
say."""


def gone() -> Refusal:
    """The refusal for a button whose subject no longer exists."""
    return Refusal(
        _("This button is out of date."),
        _("What it was for no longer exists. Run the command again."),
    )


def _outage_of(error: BaseException) -> Outage | None:
    """Discord's outage, if this error is one."""
    match error:
        case discord.DiscordServerError() | discord.HTTPException(status=429):
            return Outage("Discord", f"{error.status} {error.text}".strip())
        case discord.RateLimited():
            return Outage("Discord", "rate limited", error.retry_after)
        case aiohttp.ClientError():
            return Outage("Discord", type(error).__name__)
    return None


def _lacking(error: discord.Forbidden, guild: discord.Guild | None) -> tuple[str, ...]:
    """The permissions the bot was missing when Discord refused; empty if unknown."""
    method = str(getattr(error.response, "method", ""))
    path = str(getattr(error.response, "url", "")).split("?")[0]
    needed: tuple[str, ...] = ()
    if error.code == MISSING_ACCESS:
        needed = ("view_channel",)
    else:
        for methods, pattern, names in _NEEDED:
            if re.fullmatch(methods, method) and re.search(pattern, path):
                needed = names
                break
    if guild is None:
        return needed
    channel_id = re.search(r"/channels/(\d+)", path)
    channel = guild.get_channel(int(channel_id[1])) if channel_id else None
    held = channel.permissions_for(guild.me) if channel else guild.me.guild_permissions
    return tuple(name for name in needed if not getattr(held, name)) or needed


@asynccontextmanager
async def handle_errors(interaction: discord.Interaction) -> AsyncIterator[None]:
    """Reply with an error embed if a button, select or modal fails; discord.py does not."""
    try:
        yield
    except Exception as error:
        send = partial(reply_privately, interaction)
        await _reply("Button", error, interaction.guild, send)


async def handle_command_error(ctx: commands.Context[Any], error: BaseException) -> None:
    name = ctx.command.qualified_name if ctx.command else "?"
    error = _declined(ctx, unwrapped(error))

    async def send(embed: discord.Embed) -> None:
        await ctx.send(embed=embed, ephemeral=True)

    await _reply("Command", error, ctx.guild, send, command=name)


async def _reply(
    source: str,
    error: BaseException,
    guild: discord.Guild | None,
    send: Callable[[discord.Embed], Awaitable[None]],
    **context: str,
) -> None:
    guild_id = guild.id if guild else None
    if isinstance(error, discord.NotFound) and error.code == INTERACTION_EXPIRED:
        _log.warning("Interaction expired before the reply", guild_id=guild_id)
        return
    try:
        await send(error_card(source, error, guild, **context))
    except discord.HTTPException as failure:
        _log.info("Sending a reply failed", reason=failure.text, guild_id=guild_id)


def explained(error: BaseException, guild: discord.Guild | None) -> BaseException:
    """Discord's refusals and failures as a Refusal or an Outage; other errors unchanged."""
    if not isinstance(error, discord.Forbidden):
        return _outage_of(error) or error
    if error.code in DMS_CLOSED:
        return Refusal(
            _("I can't send you direct messages."),
            _("Allow them in this server's privacy settings, then try again."),
        )
    missing = _lacking(error, guild)
    if not missing:
        return Refusal(
            _("Discord doesn't let me do that."),
            _("Check my role's permissions, and that it is above the roles I should manage."),
        )
    names = permission_names(missing)
    remedy = _("Give my role this permission here, then try again.")
    if "manage_roles" in missing:
        remedy += " " + _("My role also has to be above the roles I should manage.")
    return Refusal(_("I'm missing a permission: {names}.").format(names=names), remedy)


def error_card(
    source: str, error: BaseException, guild: discord.Guild | None, **context: str
) -> discord.Embed:
    """What happened and what to do. Outages and bugs are logged with the context, a bug with a code
    the member can quote.

    Args:
        source: the component that failed, such as `Button`.
    """
    guild_id = guild.id if guild else None
    match explained(error, guild):
        case Refusal() as refusal:
            return refusal_card(refusal)
        case Outage() as outage:
            _log.warning(f"{source} failed", reason=str(outage), guild_id=guild_id)
            return card(
                "⏳ " + _("{service} is not answering").format(service=outage.who),
                _("Please try again in a minute. Nothing is lost."),
                tone="warning",
            )
    code = trouble_code()
    bug = f"{source} raised an error"
    _log.error(bug, code=code, guild_id=guild_id, exc_info=error, **context)
    return card(
        "❌ " + _("Something went wrong on our side"),
        _("The error was logged. If you ask for help, quote this code.") + f"\n-# {code}",
        tone="error",
    )


# -- commands -------------------------------------------------------------------------------------


def unwrapped(error: BaseException) -> BaseException:
    while isinstance(
        error,
        commands.CommandInvokeError
        | commands.ConversionError
        | commands.HybridCommandError
        | discord.app_commands.CommandInvokeError,
    ):
        error = error.original
    return error


def _declined(ctx: commands.Context[Any], error: BaseException) -> BaseException:
    """discord.py's checks as a Refusal; other errors unchanged."""
    match error:
        case commands.CommandOnCooldown():
            again = discord.utils.utcnow().timestamp() + error.retry_after
            return Refusal(_("Slow down!"), _("Try again <t:{at}:R>.").format(at=int(again) + 1))
        case commands.MissingPermissions():
            assert ctx.command is not None, "only a command can be forbidden"
            return lacking_for(ctx.command, error.missing_permissions)
        case commands.NoPrivateMessage():
            return Refusal(_("This works in a server only"))
        case commands.UserInputError() | discord.app_commands.TransformerError():
            return explained_argument(ctx, error)
        case commands.CheckFailure() | discord.app_commands.CheckFailure():
            return Refusal(_("You can't use this command"))
    return error
