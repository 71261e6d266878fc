"""What is said in a streamer's chat."""

import re
from dataclasses import dataclass, field

from core.events.base import Event


@dataclass(frozen=True, slots=True, kw_only=True)
class Sender:
    """Who wrote a line of chat.

    Attributes:
        user_id: the platform's user id; the only thing that identifies a person.
        name: the name of today, as written by its owner.
        badges: badge types at this moment, such as `moderator`, `vip`, `subscriber`.
        is_broadcaster: the channel is this person's own.
        is_bot: our own account, or one that the platform marks as a bot.
    """

    user_id: int
    name: str
    badges: tuple[str, ...] = ()
    is_broadcaster: bool = False
    is_bot: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class ChatMessageSent(Event):
    """A line of chat. `key` is the platform's message id.

    Attributes:
        platform: "kick" (later "twitch").
        channel_id: the platform user id of the channel's owner.
        message_id: the platform's id of the line, to reply to.
        sender: who wrote it.
        text: the line as written, at most 500 code points on Kick.
        is_answered: this server is the channel's primary one, so chat commands are for it; other
            servers that follow the channel only count.
        command: the word after a leading "!", in lower case; "" if the line is not a command.
        argument: the rest of a command's line.
    """

    platform: str
    channel_id: int
    message_id: str
    sender: Sender
    text: str
    is_answered: bool = True
    command: str = field(init=False, repr=False, compare=False)
    argument: str = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        command, argument = parse_command(self.text)
        object.__setattr__(self, "command", command)
        object.__setattr__(self, "argument", argument)


_COMMAND = re.compile(r"\s*!(\w+)(?:\s+(.*))?", re.DOTALL)


def parse_command(text: str) -> tuple[str, str]:
    """`!Call  Book of Dead ` -> ("call", "Book of Dead"); ("", "") if it is not a command."""
    match = _COMMAND.fullmatch(text)
    return (match[1].lower(), (match[2] or "").strip()) if match else ("", "")
