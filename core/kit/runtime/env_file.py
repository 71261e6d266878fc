"""Reads `.env` in any encoding that editors use."""

import codecs
import io
import re
from pathlib import Path
from typing import NoReturn

from dotenv import dotenv_values
from dotenv.parser import parse_stream

from core.kit.errors import StartError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
"""Byte order marks; UTF-32 before UTF-16, which begins with the same bytes."""

_NOT_A_SETTING = (
    "is not a setting; write NAME=value, with a closing quote for each opening one, and # before a "
    "comment"
)

_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_.-]*")


def read_env_file(path: Path) -> dict[str, str | None]:
    """Name -> value. Raises StartError, which names the line and what to do, never the value."""
    try:
        raw = path.read_bytes()
    except OSError as error:
        raise StartError(
            f"The file {path} cannot be read ({error.strerror}): make it readable for the user who "
            "starts the bot."
        ) from error
    text = _decode(path, raw)
    for number, line in enumerate(text.splitlines(), 1):
        if any(not each.isprintable() and each != "\t" for each in line):
            _refuse(path, number, "contains an invisible character; type the line again")
    for binding in parse_stream(io.StringIO(text)):
        key, value = binding.key, binding.value
        if binding.error or (key is not None and (value is None or not _NAME.fullmatch(key))):
            before = re.match(r"\s*", binding.original.string)
            number = binding.original.line + len((before[0] if before else "").splitlines())
            _refuse(path, number, _NOT_A_SETTING)
    return dotenv_values(stream=io.StringIO(text))


def _decode(path: Path, raw: bytes) -> str:
    for mark, encoding in _MARKS.items():
        if raw.startswith(mark):
            return _decoded(path, raw, encoding)
    if raw[1:2] == b"\0":
        return _decoded(path, raw, "utf-16-le")
    if raw[:1] == b"\0":
        return _decoded(path, raw, "utf-16-be")
    try:
        return raw.decode()
    except UnicodeDecodeError:
        pass
    # A single-byte encoding. The exact encoding is unknown, and only matters in values.
    text = raw.decode("latin-1")
    for number, line in enumerate(text.splitlines(), 1):
        if not line.isascii() and not line.lstrip().startswith("#"):
            _refuse(path, number, "is not UTF-8; save the file as UTF-8")
    return "".join(each if each.isascii() else "?" for each in text)


def _decoded(path: Path, raw: bytes, encoding: str) -> str:
    try:
        return raw.decode(encoding).lstrip("\ufeff")
    except UnicodeDecodeError:
        _refuse(path, 1, f"begins like {encoding.upper()}, but is not; save the file as UTF-8")


def _refuse(path: Path, line: int, why: str) -> NoReturn:
    raise StartError(f"Line {line} of the file {path} {why}.")
