"""Saves the fake Discord to a file, so that messages survive a restart."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from aiohttp import web
from pydantic import TypeAdapter, ValidationError

from sandbox.discord.errors import Json
from sandbox.discord.models import LOADING, Channel, Guild, Webhook

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

SAVE_INTERVAL_SECONDS = 1.0


@dataclass
class _Kept:
    guilds: dict[int, Guild] = field(default_factory=dict)
    direct: dict[int, Channel] = field(default_factory=dict)
    webhooks: dict[int, Webhook] = field(default_factory=dict)


_FORM = TypeAdapter(_Kept)


def persisted(discord: FakeDiscord, path: Path) -> Callable[[web.Application], AsyncIterator[None]]:
    """For an application's `cleanup_ctx`: loads at the start, saves after changes and at the
    end."""

    async def running(_app: web.Application) -> AsyncIterator[None]:
        restore(discord, path)
        writing = asyncio.create_task(_write_after_changes(discord, path))
        yield
        writing.cancel()
        with suppress(asyncio.CancelledError):
            await writing
        save(discord, path)

    return running


async def _write_after_changes(discord: FakeDiscord, path: Path) -> None:
    listener = discord.changes.listen()
    try:
        async for change in listener:
            if change["area"].startswith("discord.") and change["area"] != "discord.typing":
                save(discord, path)
                await asyncio.sleep(SAVE_INTERVAL_SECONDS)
    finally:
        listener.close()


def save(discord: FakeDiscord, path: Path) -> None:
    """Write atomically, without ephemeral messages."""
    kept = _FORM.dump_python(_Kept(discord.guilds, discord.direct, discord.webhooks), mode="json")
    for channels in [kept["direct"], *(guild["channels"] for guild in kept["guilds"].values())]:
        for channel in channels.values():
            channel["messages"] = {
                number: message | {"interaction_id": None}
                for number, message in channel["messages"].items()
                if _lasts(message)
            }
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_suffix(".new")
    unfinished.write_bytes(json.dumps(kept, ensure_ascii=False).encode(errors="replace"))
    unfinished.replace(path)


def _lasts(message: Json) -> bool:
    return message["ephemeral_for"] is None and not message["flags"] & LOADING


def restore(discord: FakeDiscord, path: Path) -> None:
    """Load the file if there is one; an unreadable one is renamed."""
    try:
        kept = _FORM.validate_json(path.read_bytes())
    except FileNotFoundError:
        return
    except ValidationError:
        path.replace(path.with_suffix(".unreadable"))
        print(f"{path} cannot be read; starting with an empty Discord.", file=sys.stderr)
        return
    discord.guilds |= kept.guilds
    discord.direct, discord.webhooks = kept.direct, kept.webhooks
    messages = [
        message for channel in discord.all_channels() for message in channel.messages.values()
    ]
    discord.attachments = {file.id: file for message in messages for file in message.attachments}
    discord.ids.start_after(max((message.id for message in messages), default=0))
