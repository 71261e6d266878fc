"""The gateway, version 10, JSON and zlib-stream: https://discord.com/developers/docs/events/gateway."""

from __future__ import annotations

import asyncio
import contextlib
import json
from typing import TYPE_CHECKING, Any

from aiohttp import WSMsgType, web

from sandbox.discord import intents as intent_rules
from sandbox.discord import payloads
from sandbox.discord.errors import Json
from sandbox.discord.session import (
    Connection,
    Op,
    Pack,
    Session,
    UnknownCompression,
    pack_for,
)

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

MEMBERS_PER_CHUNK = 1_000
CLOSE_SECONDS = 0.2
ANSWER_SECONDS = 1.0
"""How long a client may take to answer a close frame."""
_CLIENT_CLOSED_FOR_GOOD = (1000, 1001)


class CloseConnection(Exception):
    """End the connection with one of Discord's 4xxx close codes."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class Gateway:
    """All sessions and connections of the bot."""

    def __init__(self, discord: FakeDiscord) -> None:
        self._discord = discord
        self.sessions: dict[str, Session] = {}
        self.connections: set[Connection] = set()

    # -- events ---------------------------------------------------------------------

    def dispatch(self, event: str, data: Json, guild_id: int | None) -> None:
        """Send an event to every session whose intents allow it; `guild_id` None is a direct
        message."""
        if event == "MESSAGE_CREATE" and self._discord.faults.take("discord.gateway.drop_messages"):
            return
        self._forget_expired()
        if self._discord.faults.flag("discord.gateway.stopped"):
            self.kill()
        for session in self.sessions.values():
            if self._receives(session, event, guild_id):
                session.dispatch(event, self._readable(session, event, data))

    def _receives(self, session: Session, event: str, guild_id: int | None) -> bool:
        if guild_id is not None and not session.sees_guild(guild_id):
            return False
        return intent_rules.lets_through(session.intents, event, direct=guild_id is None)

    def _readable(self, session: Session, event: str, data: Json) -> Json:
        if session.intents & intent_rules.Intent.MESSAGE_CONTENT:
            return data
        return intent_rules.without_content(event, data, bot_id=self._discord.bot.id)

    def _forget_expired(self) -> None:
        for session in [s for s in self.sessions.values() if s.expired]:
            del self.sessions[session.id]

    @property
    def connected(self) -> bool:
        return any(s.connection is not None for s in self.sessions.values())

    # -- faults -------------------------------------------------------------------------

    def kill(self) -> None:
        """Drop all sockets without a close frame."""
        for connection in list(self.connections):
            connection.abort()

    async def ask_to_reconnect(self) -> None:
        await self._send_all(Op.RECONNECT, None)

    async def invalidate(self) -> None:
        """Drop all sessions; they cannot be resumed."""
        self.sessions.clear()
        await self._send_all(Op.INVALID_SESSION, False)

    async def _send_all(self, op: Op, data: object) -> None:
        for connection in list(self.connections):
            await connection.send(op, data)

    async def close(self) -> None:
        """Close every socket at shutdown; drop those that do not answer."""
        closing = [c.socket.close(code=1001, drain=False) for c in self.connections]
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(CLOSE_SECONDS):
                await asyncio.gather(*closing)
        self.kill()

    # -- serving a connection ----------------------------------------------------------------

    async def serve(self, request: web.Request) -> web.StreamResponse:
        if self._discord.faults.flag("discord.gateway.stopped"):
            return web.Response(status=503, text="The gateway is down.")
        try:
            pack = pack_for(request.query.get("compress"))
        except UnknownCompression as unknown:
            return web.Response(status=400, text=f"No {unknown} is spoken here.")
        connection = await self._accept(request, pack)
        pump = asyncio.create_task(connection.pump())
        try:
            await self._serve_messages(connection)
        except CloseConnection as end:
            await connection.socket.close(code=end.code, message=end.reason.encode())
        finally:
            pump.cancel()
            self._leave(connection)
        return connection.socket

    async def _accept(self, request: web.Request, pack: Pack | None) -> Connection:
        socket = web.WebSocketResponse(max_msg_size=16_384, timeout=ANSWER_SECONDS)
        await socket.prepare(request)

        def abort() -> None:
            if request.transport is not None:
                request.transport.abort()

        connection = Connection(socket, self._discord.faults, pack=pack, abort=abort)
        self.connections.add(connection)
        return connection

    def _leave(self, connection: Connection) -> None:
        self.connections.discard(connection)
        session = connection.session
        if session is None:
            return
        session.detach(connection)
        if connection.socket.close_code in _CLIENT_CLOSED_FOR_GOOD and session.connection is None:
            self.sessions.pop(session.id, None)
        self._discord.changes.publish("discord.gateway", connected=self.connected)

    async def _serve_messages(self, connection: Connection) -> None:
        interval_ms = self._discord.faults.number("discord.gateway.heartbeat_ms")
        await connection.send(Op.HELLO, {"heartbeat_interval": interval_ms, "_trace": []})
        patience = max(0.5, 2.5 * interval_ms / 1000)
        while True:
            try:
                message = await connection.socket.receive(timeout=patience)
            except TimeoutError:
                raise CloseConnection(4009, "Session timed out.") from None
            if message.type not in (WSMsgType.TEXT, WSMsgType.BINARY):
                return
            await self._receive(connection, message.data)

    async def _receive(self, connection: Connection, raw: str | bytes) -> None:
        try:
            payload = json.loads(raw)
            op, data = payload["op"], payload.get("d")
        except (ValueError, TypeError, KeyError):
            raise CloseConnection(4002, "Error while decoding payload.") from None
        if op == Op.HEARTBEAT:
            if not self._discord.faults.flag("discord.gateway.frozen"):
                await connection.send(Op.HEARTBEAT_ACK, None)
        elif op == Op.IDENTIFY:
            self._identify(connection, data)
        elif op == Op.RESUME:
            await self._resume(connection, data)
        elif connection.session is None:
            raise CloseConnection(4003, "Not authenticated.")
        elif op == Op.REQUEST_GUILD_MEMBERS:
            self._send_members(connection.session, data)
        elif op not in (Op.PRESENCE_UPDATE, Op.VOICE_STATE_UPDATE):
            raise CloseConnection(4001, "Unknown opcode.")

    def _identify(self, connection: Connection, data: Json) -> None:
        if connection.session is not None:
            raise CloseConnection(4005, "Already authenticated.")
        if data.get("token") != self._discord.token:
            raise CloseConnection(4004, "Authentication failed.")
        wanted = data.get("intents")
        if not isinstance(wanted, int) or wanted & ~intent_rules.KNOWN:
            raise CloseConnection(4013, "Invalid intent(s).")
        refused = self._discord.faults.flag("discord.gateway.refuse_intents")
        if refused and wanted & intent_rules.PRIVILEGED:
            raise CloseConnection(4014, "Disallowed intent(s).")
        number, count = data.get("shard", (0, 1))
        if not 0 <= number < count:
            raise CloseConnection(4010, "Invalid shard.")
        session = Session(wanted, (number, count))
        self.sessions[session.id] = session
        session.attach(connection)
        self._send_ready(session)
        self._discord.changes.publish("discord.gateway", connected=True)

    def _send_ready(self, session: Session) -> None:
        """READY lists the guilds as unavailable; a GUILD_CREATE follows for each."""
        discord = self._discord
        guilds = [g for g in discord.bot_guilds() if session.sees_guild(g.id)]
        session.dispatch(
            "READY",
            {
                "v": 10,
                "user": payloads.own_user(discord.bot),
                "guilds": [{"id": str(g.id), "unavailable": True} for g in guilds],
                "session_id": session.id,
                "session_type": "normal",
                "resume_gateway_url": discord.gateway_url,
                "shard": list(session.shard),
                "application": {
                    "id": str(discord.bot.id),
                    "flags": payloads.PRIVILEGED_INTENT_FLAGS,
                },
                "private_channels": [],
                "relationships": [],
                "presences": [],
                "_trace": [],
            },
        )
        if not session.intents & intent_rules.Intent.GUILDS:
            return
        with_members = bool(session.intents & intent_rules.Intent.GUILD_PRESENCES)
        late_ms = discord.faults.number("discord.gateway.late_server_ms")
        for guild in guilds:
            created = payloads.guild_create(discord, guild, all_members=with_members)
            if late_ms and guild is guilds[-1]:
                loop = asyncio.get_running_loop()
                loop.call_later(late_ms / 1000, session.dispatch, "GUILD_CREATE", created)
            else:
                session.dispatch("GUILD_CREATE", created)

    async def _resume(self, connection: Connection, data: Json) -> None:
        if data.get("token") != self._discord.token:
            raise CloseConnection(4004, "Authentication failed.")
        session = self.sessions.get(str(data.get("session_id")))
        sequence = data.get("seq")
        if session is not None and isinstance(sequence, int) and sequence > session.sequence:
            raise CloseConnection(4007, "Invalid seq.")
        if session is None or not self._resumable(session, sequence):
            await connection.send(Op.INVALID_SESSION, False)
            return
        if session.connection is not None:
            session.connection.abort()
        session.attach(connection)
        session.replay_after(int(data["seq"]))
        session.dispatch("RESUMED", {"_trace": []})
        self._discord.changes.publish("discord.gateway", connected=True)

    def _resumable(self, session: Session, sequence: object) -> bool:
        if self._discord.faults.flag("discord.gateway.no_resume"):
            self.sessions.pop(session.id, None)
            return False
        return isinstance(sequence, int) and session.can_replay_after(sequence)

    def _send_members(self, session: Session, data: Json) -> None:
        """GUILD_MEMBERS_CHUNK, only for the session that asked."""
        guild = self._discord.guilds.get(int(data.get("guild_id", 0)))
        if guild is None:
            return
        found, not_found = self._discord.query_members(
            guild, data.get("query"), _ids(data.get("user_ids")), int(data.get("limit") or 0)
        )
        pages = [
            found[start : start + MEMBERS_PER_CHUNK]
            for start in range(0, len(found), MEMBERS_PER_CHUNK)
        ] or [[]]
        for index, page in enumerate(pages):
            chunk: Json = {
                "guild_id": str(guild.id),
                "members": [payloads.member(self._discord, m) for m in page],
                "chunk_index": index,
                "chunk_count": len(pages),
                "not_found": [str(user_id) for user_id in not_found],
            }
            with contextlib.suppress(KeyError):
                chunk["nonce"] = data["nonce"]
            session.dispatch("GUILD_MEMBERS_CHUNK", chunk)


def _ids(value: Any) -> list[int] | None:
    if value is None:
        return None
    return [int(item) for item in (value if isinstance(value, list) else [value])]
