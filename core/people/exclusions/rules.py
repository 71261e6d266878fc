"""Known chat bots. They earn no watchtime until an admin includes one."""

from core.people.exclusions.records import Scope

CHAT_BOT_SCOPE: Scope = "watchtime"

CHAT_BOTS = (
    "BotRix",
    "KickBot",
    "KicksBot",
    "StreamElements",
    "Streamlabs",
    "Nightbot",
    "Fossabot",
    "Moobot",
    "Wizebot",
    "MixItUp",
    "Streamer.bot",
    "Firebot",
    "Lumia",
    "CommanderRoot",
)

_FOLDED_CHAT_BOTS = frozenset(name.casefold() for name in CHAT_BOTS)


def is_chat_bot(folded_name: str, scope: Scope) -> bool:
    """Whether this is a known chat bot, and those are excluded from `scope`."""
    return scope == CHAT_BOT_SCOPE and folded_name in _FOLDED_CHAT_BOTS
