"""Transport compression of the gateway: one stream per connection, flushed after every payload.
discord.py asks for `zstd-stream` where Python has zstd (3.14, or the package `zstandard`), else for
`zlib-stream`."""

from __future__ import annotations

import importlib
import zlib
from collections.abc import Callable
from typing import Any

Pack = Callable[[bytes], bytes]
"""Compresses one payload within the connection's stream."""


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
        one = package.ZstdCompressor().compressobj()
        return lambda data: bytes(one.compress(data) + one.flush(package.COMPRESSOBJ_FLUSH_BLOCK))
    if (standard := _module("compression.zstd")) is not None:
        other = standard.ZstdCompressor()
        return lambda data: bytes(other.compress(data, mode=other.FLUSH_BLOCK))
    raise UnknownCompression("zstd-stream")


def _module(name: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None
