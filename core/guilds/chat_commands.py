"""A server's changes to the commands of its stream's chat."""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, replace
from functools import cache
from typing import Any

from sqlalchemy import Connection

from core.guilds import store
from core.guilds.actions import audit, publish_change, setting
from core.guilds.records import AuditEntry
from core.kit.database.connection import cache_of
from core.kit.database.work import Work
from core.kit.errors import Refusal
from core.kit.feature import ChatCommand, ChatRules
from core.kit.guild_settings import GuildSetting
from core.kit.text.amounts import parse_length
from core.kit.text.cleaning import fold
from core.kit.text.words import _

MAX_NAMES = 5
MAX_COOLDOWN_SECONDS = 3600
_NAME = re.compile(r"\w{1,30}")

OTHER_BOTS = {
    "Nightbot": ("addcom", "delcom", "editcom", "commands", "songs", "marker", "winner", "poll"),
    "StreamElements": ("points", "leaderboard", "gamble", "duel", "raffle", "join", "watchtime"),
    "StreamLabs": ("points", "heist", "raffle", "join", "slots", "hours", "song"),
    "Fossabot": ("command", "commands", "title", "game", "uptime", "followage", "clip"),
}
"""Names that other bots answer unless the streamer turns them off there."""


def rules_of(tx: Connection, guild_id: int, command: ChatCommand) -> ChatRules:
    """How a command is used in this server. Costs one statement in a transaction, together with
    the server's settings."""
    return _rules(tx, guild_id, command.names)


def names_of(work: Work, usual: tuple[str, ...]) -> tuple[str, ...]:
    """What a command is called in this server; `usual` are the names that it is declared with."""
    return _rules(work.tx, work.guild_id, usual).names


def _rules(tx: Connection, guild_id: int, usual: tuple[str, ...]) -> ChatRules:
    stored = setting(tx, guild_id, _declared(usual[0]))
    return from_stored(stored) if stored else ChatRules(usual)


def from_stored(stored: Mapping[str, Any]) -> ChatRules:
    """The rules, as the database and the audit log have them."""
    return ChatRules(tuple(stored["names"]), stored["enabled"], stored["who"], stored["cooldown"])


@cache
def _declared(name: str) -> GuildSetting[Any]:
    return GuildSetting(key_of(name), dict, None, "")


def key_of(name: str) -> str:
    """The setting that holds the rules of a command; `name` is its first one."""
    return f"chat.{name}"


def parse_names(text: str) -> tuple[str, ...]:
    """Parse typed names, with or without exclamation marks. Raises Refusal if there is none, too
    many, or one cannot be typed as a command."""
    names = tuple(
        dict.fromkeys(fold(word.lstrip("!")) for word in re.split(r"[\s,]+", text) if word)
    )
    if not names or len(names) > MAX_NAMES:
        raise Refusal(_("A command needs 1 to {maximum} names.").format(maximum=MAX_NAMES))
    for name in names:
        if not _NAME.fullmatch(name):
            raise Refusal(_("A name can have up to 30 letters, digits and underscores."))
    return names


def change_command(
    work: Work, known: Sequence[ChatCommand], command: ChatCommand, rules: ChatRules
) -> bool:
    """Change a command's rules; False if nothing changed. Raises Refusal if another command has one
    of the names."""
    store.lock_settings(work.tx, work.guild_id)
    _drop_cache(work)
    before = rules_of(work.tx, work.guild_id, command)
    if rules == before:
        return False
    for other in known:
        if other.names[0] == command.names[0]:
            continue
        if taken := set(rules.names) & set(rules_of(work.tx, work.guild_id, other).names):
            raise Refusal(
                _("!{name} is already used by the command !{other}.").format(
                    name=sorted(taken)[0], other=other.names[0]
                )
            )
    key = _declared(command.names[0]).key
    store.set_setting(work.tx, work.guild_id, key, _stored(rules), work.actor)
    _drop_cache(work)
    audit(
        work,
        "guilds.chat_command",
        f"!{command.names[0]}",
        before=_stored(before),
        after=_stored(rules),
    )
    publish_change(work, key)
    return True


def _stored(rules: ChatRules) -> dict[str, Any]:
    return {**asdict(rules), "names": list(rules.names)}


def parse_cooldown(text: str) -> int:
    """Parse typed seconds. Raises Refusal if they are not a number within bounds."""
    try:
        seconds = int(parse_length(text or "0", "s").total_seconds())
    except Refusal:
        seconds = MAX_COOLDOWN_SECONDS + 1
    if seconds > MAX_COOLDOWN_SECONDS:
        raise Refusal(
            _("The cooldown must be 0 to {maximum} seconds.").format(maximum=MAX_COOLDOWN_SECONDS)
        )
    return seconds


def _drop_cache(work: Work) -> None:
    cache_of(work.tx).pop(("guild_settings", work.guild_id), None)


def shown_as(command: ChatCommand, rules: ChatRules) -> ChatCommand:
    """The command with the server's names."""
    typed = "!" + rules.names[0] + command.usage.removeprefix("!" + command.names[0])
    return replace(command, names=rules.names, usage=typed)


def warnings(names: Iterable[str]) -> list[str]:
    """Which of these names other bots often answer, too."""
    return [
        _("!{name} is often answered by {bots}, too.").format(name=name, bots=", ".join(bots))
        for name in names
        if (bots := [bot for bot, theirs in OTHER_BOTS.items() if name in theirs])
    ]


def unchanged(work: Work, entries: Sequence[AuditEntry]) -> list[AuditEntry]:
    """The entries about commands that nobody has changed since."""

    def now(target: str) -> Any:
        return setting(work.tx, work.guild_id, _declared(target.removeprefix("!")))

    return [entry for entry in entries if entry.after == now(entry.target)]
