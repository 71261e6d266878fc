"""The CDN: uploaded files, and a plain coloured picture for every avatar."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from aiohttp import web

if TYPE_CHECKING:
    from sandbox.discord.state import FakeDiscord

CDN_PREFIX = "/discord/cdn"
_SIDE_PIXELS = 16
_COLORS = ((88, 101, 242), (87, 242, 135), (254, 231, 92), (235, 69, 158), (237, 66, 69))


def routes(discord: FakeDiscord) -> list[web.RouteDef]:
    async def attachment(request: web.Request) -> web.Response:
        found = discord.attachments.get(int(request.match_info["attachment_id"]))
        if found is None:
            return web.Response(status=404, text="not here")
        return web.Response(body=found.data, headers={"Content-Type": found.content_type})

    async def picture(request: web.Request) -> web.Response:
        color = _COLORS[int(request.match_info["owner_id"]) % len(_COLORS)]
        return web.Response(body=png(color), content_type="image/png")

    attachments = CDN_PREFIX + r"/attachments/{channel_id:\d+}/{attachment_id:\d+}/{filename}"
    return [
        web.get(attachments, attachment),
        web.get(CDN_PREFIX + r"/{kind}/{owner_id:\d+}/{name}", picture),
        web.get(CDN_PREFIX + r"/embed/avatars/{owner_id:\d+}.png", picture),
    ]


def png(color: tuple[int, int, int]) -> bytes:
    """A square of one colour."""
    header = struct.pack(">IIBBBBB", _SIDE_PIXELS, _SIDE_PIXELS, 8, 2, 0, 0, 0)
    row = b"\x00" + bytes(color) * _SIDE_PIXELS
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(row * _SIDE_PIXELS)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(name, data) for name, data in parts)


def _chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
