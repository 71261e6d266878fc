"""Usage of commands, and errors in their arguments."""

import re
from difflib import get_close_matches
from typing import Annotated, Any

import discord
from discord import app_commands
from discord.ext import commands
from discord.ext.commands.view import StringView

from core.kit.discord.ui import PREFIX, safe
from core.kit.errors import Refusal
from core.kit.text.amounts import looks_like_amount, parse_units, parse_whole, require_alone
from core.kit.text.cleaning import APOSTROPHES, QUOTED, QUOTES, unquoted, without_escapes
from core.kit.text.words import _

Command = commands.Command[Any, ..., Any]
Context = commands.Context[Any]


def usage(command: Command | None) -> str:
    """The usage of a command, such as `!slotcalls channel <channel>`."""
    if command is None:
        return f"{PREFIX}help"
    return f"{PREFIX}{command.qualified_name} {command.signature}".strip()


def descriptions(command: Command) -> dict[str, str]:
    """Argument -> its description, as Discord shows it."""
    app_command: Any = getattr(command, "app_command", None)
    if isinstance(app_command, app_commands.Group):
        app_command = app_command.get_command(str(getattr(command, "fallback", "")))
    if not isinstance(app_command, app_commands.Command):
        return {}
    return {
        parameter.display_name: str(parameter.description) for parameter in app_command.parameters
    }


# -- subcommands ----------------------------------------------------------------------------------


class Subcommands(dict[str, Command]):
    """The subcommands of a group, found regardless of case; discord.py ignores case for the first
    word only."""

    def get(self, name: str, default: Any = None) -> Any:
        return super().get(name.casefold(), default)


def set_up_typing(bot: commands.Bot) -> None:
    """Make typed commands as strict as slash commands: case never matters, and extra text is an
    error.
    """
    for command in bot.walk_commands():
        if isinstance(command, commands.Group):
            command.all_commands = Subcommands(command.all_commands)
        # `!link please` is harmless, but a misspelt channel must not mean "this channel".
        command.ignore_extra = not command.clean_params and not isinstance(command, commands.Group)


def skip_fallback(ctx: Context) -> None:
    """Let `!slotcalls status` run `!slotcalls`, like `/slotcalls status`."""
    fallback = getattr(ctx.command, "fallback", None)
    passed = None if ctx.interaction else ctx.subcommand_passed
    if passed is not None and passed.casefold() == fallback:
        ctx.view.skip_ws()
        ctx.view.get_word()
        ctx.subcommand_passed = None


def _unknown_subcommand(ctx: Context, group: commands.Group[Any, ..., Any]) -> Refusal:
    known = sorted(group.all_commands)
    if fallback := getattr(group, "fallback", None):
        known.append(fallback)
    passed = ctx.subcommand_passed or ""
    near = get_close_matches(passed.casefold(), known, n=1)
    what = _("`{group}` has no subcommand “{passed}”.").format(
        group=f"{PREFIX}{group.qualified_name}", passed=safe(passed, 40)
    )
    if near:
        meant = f"{PREFIX}{group.qualified_name} {near[0]}"
        return Refusal(what, _("Did you mean `{meant}`?").format(meant=meant))
    choices = ", ".join(f"`{name}`" for name in sorted(known))
    return Refusal(what, _("Choose one of these: {choices}.").format(choices=choices))


# -- words in quotes ------------------------------------------------------------------------------


class TypedLine(StringView):
    """The text after the prefix of a typed command. Quotes of all kinds group words, including
    around the last argument; an apostrophe is not a quote.

    Attributes:
        has_quotes: an argument so far was in quotes.
    """

    def __init__(self, ctx: Context) -> None:
        super().__init__(ctx.view.buffer)
        self.index, self.previous = ctx.view.index, ctx.view.previous
        self.has_quotes = False
        self._ctx = ctx

    def get_quoted_word(self) -> str | None:
        if self.eof:
            return None
        quoted = QUOTED.match(self.buffer, self.index)
        if quoted is None:
            first = self.buffer[self.index]
            if first in QUOTES and first not in APOSTROPHES:
                raise commands.ExpectedClosingQuoteError(first)
            return without_escapes(self.get_word())
        self.previous, self.index, self.has_quotes = self.index, quoted.end(), True
        return without_escapes(quoted[quoted.lastindex or 0])

    def read_rest(self) -> str:
        rest: str = super().read_rest()
        is_raw = self._ctx.command is not None and self._ctx.command.rest_is_raw
        return rest if is_raw else unquoted(rest)


def _is_unquoted(ctx: Context) -> bool:
    """Whether the command was typed, and none of its arguments was in quotes."""
    return isinstance(ctx.view, TypedLine) and not ctx.view.has_quotes


class Phrase(commands.Converter[str]):
    """Text of several words that needs no quotes because an amount follows it; used as
    `Annotated[str, Phrase()]`.

    Attributes:
        at_end: the amount is the last word of the line, and may be missing.
    """

    def __init__(self, *, at_end: bool = False) -> None:
        self.at_end = at_end

    async def convert(self, ctx: Context, argument: str) -> str:
        if not _is_unquoted(ctx):
            return argument
        view = ctx.view
        rest = view.buffer[view.index :]
        words = list(re.finditer(r"\S+", rest))
        amounts = [word.start() for word in words[-1:] if looks_like_amount(word[0])]
        if not self.at_end:
            amounts = [word.start() for word in words if looks_like_amount(word[0])]
        end = amounts[-1] if amounts else len(rest)
        view.index += end
        return f"{argument}{rest[:end]}".strip()


# -- numbers --------------------------------------------------------------------------------------


class NoNumber(commands.BadArgument):
    """The argument is not a whole number, or is ambiguous."""

    def __init__(self, what: str, remedy: str) -> None:
        super().__init__(what)
        self.what, self.remedy = what, remedy


class Whole(commands.Converter[int]):
    """A whole number as people write amounts, such as `5k`, for typed and slash commands; used as
    `Annotated[int, Whole(0, 500)]`.

    Attributes:
        unit: "s", "m" or "d" for a length of time, so that `2h` is converted to that unit.
        words_follow: the next argument is free text, so an ambiguous amount such as `5 million` is
            refused.
    """

    def __init__(
        self,
        minimum: int | None = None,
        maximum: int | None = None,
        *,
        unit: str = "",
        words_follow: bool = False,
    ) -> None:
        self.minimum, self.maximum = minimum, maximum
        self.unit, self.words_follow = unit, words_follow

    async def convert(self, ctx: Context, argument: str) -> int:
        try:
            number = parse_units(argument, self.unit) if self.unit else parse_whole(argument)
        except Refusal as refusal:
            what = _("“{given}” is not a whole number.").format(given=safe(argument, 40))
            raise NoNumber(what, f"{refusal.what} {refusal.remedy}") from None
        if self.words_follow:
            try:
                require_alone(argument, ctx.view.buffer[ctx.view.index :])
            except Refusal as refusal:
                raise NoNumber(refusal.what, refusal.remedy) from None
        too_low = self.minimum is not None and number < self.minimum
        if too_low or (self.maximum is not None and number > self.maximum):
            raise commands.RangeError(number, self.minimum, self.maximum)
        return number


Count = Annotated[int, Whole()]
"""A number whose bounds are checked by the action."""

Number = commands.Range[int, 1, 999_999_999]
"""The number of a record, such as a raffle or a bonus."""

# -- arguments ------------------------------------------------------------------------------------


def explained_argument(ctx: Context, error: BaseException) -> Refusal:
    """The argument that is missing or invalid, the reason, and the command's usage."""
    command = ctx.command
    surplus = isinstance(error, commands.TooManyArguments)
    if surplus and isinstance(command, commands.Group) and ctx.subcommand_passed:
        return _unknown_subcommand(ctx, command)
    name, given = _argument(ctx, error)
    what, hint = _wrong(error, ctx, name, given)
    lines = [hint] if hint else []
    if command is not None and name:
        about = descriptions(command).get(name)
        lines += [f"`{name}`: {about}"] if about else []
    lines.append(_("Usage: `{usage}`").format(usage=usage(command)))
    if form := _quoted_form(ctx):
        lines.append(_("Put words that belong together in quotes: `{form}`").format(form=form))
    return Refusal(what, "\n".join(lines))


def _quoted_form(ctx: Context) -> str:
    """The usage of a command with quotes, if more words were typed than it has arguments; "" if
    that is not the problem.
    """
    command = ctx.command
    if command is None or not _is_unquoted(ctx):
        return ""
    name, parameters = command.qualified_name, list(command.clean_params.values())
    words = len(ctx.view.buffer.split()) - len(name.split())
    texts = [
        parameter
        for parameter in parameters
        if parameter.converter in (str, discord.Role)
        and parameter.kind is not parameter.KEYWORD_ONLY
    ]
    if words <= len(parameters) or not texts:
        return ""
    shown = (
        f'"<{parameter.displayed_name or parameter.name}>"'
        if parameter in texts
        else f"<{parameter.name}>"
        for parameter in parameters
        if parameter.required or parameter in texts
    )
    return f"{PREFIX}{name} {' '.join(shown)}"


def _argument(ctx: Context, error: BaseException) -> tuple[str, str]:
    """The argument the error is about, and its value."""
    parameter = getattr(error, "param", None) or ctx.current_parameter
    given = getattr(error, "argument", None) or ctx.current_argument or ""
    if isinstance(error, app_commands.TransformerError):
        given = error.value
    return parameter.displayed_name or parameter.name if parameter else "", str(given)


def _wrong(error: BaseException, ctx: Context, name: str, given: str) -> tuple[str, str]:
    """The error, and a hint or ""."""
    shown = safe(given, 40)
    match error:
        case commands.MissingRequiredArgument() | commands.MissingRequiredAttachment():
            return _("Missing `{name}`.").format(name=name), ""
        case commands.TooManyArguments():
            return _surplus(ctx), ""
        case commands.ArgumentParsingError():
            return _("A quotation mark is missing or in the wrong place."), ""
        case commands.RangeError():
            return _("Invalid value for `{name}`: “{given}”.").format(
                given=safe(str(error.value), 40), name=name
            ), _bounds(error)
        case NoNumber():
            return error.what, error.remedy
        case commands.BadLiteralArgument():
            choices = ", ".join(f"`{literal}`" for literal in error.literals)
            hint = _("Choose one of these: {choices}.").format(choices=choices)
            return _("Invalid value for `{name}`: “{given}”.").format(given=shown, name=name), hint
        case commands.RoleNotFound():
            return _("“{given}” is not a role on this server.").format(given=shown), ""
        case commands.ChannelNotFound() | commands.ThreadNotFound():
            return _("“{given}” is not a channel on this server.").format(given=shown), ""
        case commands.MemberNotFound() | commands.UserNotFound():
            return _("“{given}” is not a member of this server.").format(given=shown), ""
        case commands.BadBoolArgument():
            return _("“{given}” is not `yes` or `no`.").format(given=shown), ""
    if ctx.current_parameter is not None and _is_number(ctx.current_parameter.converter):
        return _("“{given}” is not a whole number.").format(given=shown), ""
    return _("Invalid value for `{name}`: “{given}”.").format(given=shown, name=name), ""


def _surplus(ctx: Context) -> str:
    """The error for extra text. discord.py skips an optional argument whose value is invalid."""
    rest = safe(ctx.view.buffer[ctx.view.index :].strip(), 40)
    parameters = ctx.command.clean_params if ctx.command else {}
    optional = [f"`{name}`" for name, parameter in parameters.items() if not parameter.required]
    if not optional:
        return _("I don't know what “{rest}” means here.").format(rest=rest)
    names = _(" or ").join(optional)
    return _("Invalid value for {names}: “{given}”.").format(given=rest, names=names)


def _is_number(converter: Any) -> bool:
    kinds = getattr(converter, "__args__", (converter,))
    return any(kind is int or getattr(kind, "annotation", None) is int for kind in kinds)


def _bounds(error: commands.RangeError) -> str:
    minimum, maximum = error.minimum, error.maximum
    if minimum is not None and maximum is not None:
        return _("Choose a number between {minimum} and {maximum}.").format(
            minimum=f"{minimum:,}", maximum=f"{maximum:,}"
        )
    if minimum is not None:
        return _("Minimum: {minimum}.").format(minimum=f"{minimum:,}")
    return _("Maximum: {maximum}.").format(maximum=f"{maximum:,}")
