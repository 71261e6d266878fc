"""A gateway session, which can be resumed after its connection is lost."""

from __future__ import annotations

import asyncio
import importlib
import json
import secrets
import time
import zlib
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from enum import IntEnum
from typing import Any

from aiohttp import ClientConnectionResetError, web

from sandbox.discord.errors import Json
from sandbox.faults import Faults

REPLAYABLE_EVENTS = 2_000
RESUMABLE_SECONDS = 180.0

Pack = Callable[[bytes], bytes]
"""Compresses one payload within the connection's stream."""


class Op(IntEnum):
    DISPATCH = 0
    HEARTBEAT = 1
    IDENTIFY = 2
    PRESENCE_UPDATE = 3
    VOICE_STATE_UPDATE = 4
    RESUME = 6
    RECONNECT = 7
    REQUEST_GUILD_MEMBERS = 8
    INVALID_SESSION = 9
    HELLO = 10
    HEARTBEAT_ACK = 11


class Connection:
    """One websocket. Events go through a queue, which a fault can delay or freeze."""

    def __init__(
        self,
        socket: web.WebSocketResponse,
        faults: Faults,
        *,
        pack: Pack | None,
        abort: Callable[[], None],
    ) -> None:
        self.socket = socket
        self.abort = abort
        self.session: Session | None = None
        self._faults = faults
        self._pack = pack
        self._events: asyncio.Queue[tuple[float, str]] = asyncio.Queue()
        self._sending = asyncio.Lock()

    async def send(self, op: Op, data: object) -> None:
        await self._transmit(json.dumps({"op": op, "d": data, "s": None, "t": None}))

    def queue(self, frame: str) -> None:
        delay = self._faults.number("discord.gateway.delay_ms") / 1000
        self._events.put_nowait((time.monotonic() + delay, frame))

    async def pump(self) -> None:
        """Send queued events, in order, until the connection is gone."""
        while not self.socket.closed:
            due, frame = await self._events.get()
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            await self._thaw()
            await self._transmit(frame)

    async def _thaw(self) -> None:
        while self._faults.flag("discord.gateway.frozen"):
            await asyncio.sleep(0.05)

    async def _transmit(self, text: str) -> None:
        """The lock keeps compressor and socket in the same order."""
        async with self._sending:
            if self.socket.closed:
                return
            try:
                await self._write(text)
            except ClientConnectionResetError:
                self.abort()

    async def _write(self, text: str) -> None:
        if self._pack is None:
            await self.socket.send_str(text)
        else:
            await self.socket.send_bytes(self._pack(text.encode()))


@dataclass
class Session:
    """A session opened by IDENTIFY: its intents, and the recent events for a replay."""

    intents: int
    shard: tuple[int, int] = (0, 1)
    id: str = field(default_factory=lambda: secrets.token_hex(16))
    sequence: int = 0
    connection: Connection | None = None
    detached_at: float = 0.0
    _sent: deque[tuple[int, str]] = field(default_factory=lambda: deque(maxlen=REPLAYABLE_EVENTS))

    def attach(self, connection: Connection) -> None:
        self.connection = connection
        connection.session = self

    def detach(self, connection: Connection) -> None:
        if self.connection is connection:
            self.connection = None
            self.detached_at = time.monotonic()

    @property
    def expired(self) -> bool:
        return self.connection is None and time.monotonic() - self.detached_at > RESUMABLE_SECONDS

    def sees_guild(self, guild_id: int) -> bool:
        number, count = self.shard
        return (guild_id >> 22) % count == number

    def dispatch(self, event: str, data: Json) -> None:
        self.sequence += 1
        frame = json.dumps({"op": Op.DISPATCH, "s": self.sequence, "t": event, "d": data})
        self._sent.append((self.sequence, frame))
        if self.connection is not None:
            self.connection.queue(frame)

    def can_replay_after(self, sequence: int) -> bool:
        oldest = self._sent[0][0] if self._sent else self.sequence + 1
        return oldest <= sequence + 1

    def replay_after(self, sequence: int) -> int:
        """Queue everything after `sequence` again; returns the number of events."""
        missed = [frame for number, frame in self._sent if number > sequence]
        for frame in missed:
            if self.connection is not None:
                self.connection.queue(frame)
        return len(missed)


# -- transport compression: one stream per connection, flushed after every payload ----------------


class UnknownCompression(Exception):
    """The client asked for a compression that this Python does not have."""


def pack_for(wanted: str | None) -> Pack | None:
    """The packer for the query's `compress`; None for plain text."""
    if wanted is None:
        return None
    if wanted == "zlib-stream":
        return _zlib()
    if wanted == "zstd-stream":
        return _zstd()
    raise UnknownCompression(wanted)


def _zlib() -> Pack:
    stream = zlib.compressobj()
    return lambda data: stream.compress(data) + stream.flush(zlib.Z_SYNC_FLUSH)


def _zstd() -> Pack:
    if (package := _module("zstandard")) is not None:
        compressor = package.ZstdCompressor().compressobj()
        return lambda data: bytes(
            compressor.compress(data) + compressor.flush(package.COMPRESSOBJ_FLUSH_BLOCK)
        )
    if (standard := _module("compression.zstd")) is not None:
        other = standard.ZstdCompressor()
        return lambda data: bytes(other.compress(data, mode=other.FLUSH_BLOCK))
    raise UnknownCompression("zstd-stream")


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
