"""Prints what people see on Discord and Kick, in order, as text."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from rich.console import Console
from rich.markup import escape

from sandbox.discord.driver import DiscordDriver
from sandbox.kick.driver import KickDriver
from sandbox.people import PEOPLE

CHANNELS = ("general", "slot-calls", "bot-log")

_TIMESTAMP = re.compile(r"<t:\d+(?::\w)?>")
_MENTION = re.compile(r"<(?:@|#)(\d+)>")
_MARKDOWN = re.compile(r"\\([\\*_~`|>#.:-])|(\*\*|`)")


class Transcript:
    """Shows each message once, and again after an edit."""

    def __init__(self, kick: KickDriver, discord: DiscordDriver) -> None:
        self._kick = kick
        self._discord = discord
        self._console = Console(highlight=False, width=110)
        self._shown: set[tuple[str, str]] = set()
        self._names = {str(person.discord_id): f"@{person.display_name}" for person in PEOPLE}
        for guild in discord.state()["guilds"]:
            self._names |= {str(c["id"]): f"#{c['name']}" for c in guild["channels"]}

    def heading(self, title: str) -> None:
        self._console.print(f"\n[bold]── {escape(title)} [/bold]")

    def check(self, sentence: str) -> None:
        self._console.print(f"  [green]✓[/green] [dim]{escape(sentence)}[/dim]")

    def show(self) -> None:
        """Print what is new, oldest first."""
        news = [*self._kick_news(), *self._discord_news()]
        for _at, text in sorted(news, key=lambda item: item[0]):
            self._console.print(text)

    def _kick_news(self) -> Iterator[tuple[str, str]]:
        for line in self._kick.transcript():
            if self._is_new("kick", line["message_id"]):
                who = f"[bold green]{escape(line['sender'])}[/bold green]"
                yield line["at"], f"  [green]Kick[/green]      {who}: {escape(line['text'])}"

    def _discord_news(self) -> Iterator[tuple[str, str]]:
        for channel in CHANNELS:
            for message in self._discord.transcript(channel):
                key = f"{message['message_id']} {message['embeds']}"
                if self._is_new("discord", key):
                    yield message["at"], self._message(channel, message)

    def _is_new(self, service: str, key: str) -> bool:
        if (service, key) in self._shown:
            return False
        self._shown.add((service, key))
        return True

    def _message(self, channel: str, message: dict[str, Any]) -> str:
        who = f"[bold blue]{escape(message['author_name'])}[/bold blue]"
        edited = " (edited)" if message["edited"] else ""
        head = f"  [blue]#{channel}[/blue] {who}{edited}: {escape(message['content'])}"
        body = [self._plain(row) for embed in message["embeds"] for row in _embed_rows(embed)]
        buttons = [
            f"[{_words_on(component)}]"
            for row in message["components"]
            for component in row.get("components", ())
        ]
        if buttons:
            body.append(" ".join(buttons))
        return "\n".join([head, *(f"      [blue]│[/blue] {escape(row)}" for row in body)])

    def _plain(self, text: str) -> str:
        """Without markdown; times become "just now"."""
        named = _MENTION.sub(lambda match: self._names.get(match[1], match[0]), text)
        return _MARKDOWN.sub(r"\1", _TIMESTAMP.sub("just now", named)).removeprefix("-# ")


def _words_on(component: dict[str, Any]) -> str:
    """A button's label, or the selected option of a menu."""
    if "label" in component:
        return str(component["label"])
    options = component.get("options", ())
    chosen = [option["label"] for option in options if option.get("default")]
    return f"{', '.join(chosen) or component.get('placeholder', '')} ▾"


def _embed_rows(embed: dict[str, Any]) -> Iterator[str]:
    fields = (f"{field['name']}: {field['value']}" for field in embed.get("fields", ()))
    footer = embed.get("footer", {}).get("text", "")
    for text in (embed.get("title", ""), embed.get("description", ""), *fields, footer):
        for row in text.splitlines():
            if row.strip():
                yield row
