"""`.env` as editors save it and people type it."""

import codecs
from pathlib import Path

import pytest

from core.kit.errors import StartError
from core.kit.runtime.env_file import read_env_file
from core.kit.runtime.settings import Settings, read_settings

LINES = "# für Nora\nPORT=9001\nexport KICK_CHANNEL='nora'\n\nLOG_LEVEL = \"DEBUG\"  # all\n"

ENCODINGS = {
    "UTF-8": LINES.encode(),
    "UTF-8 with a mark": codecs.BOM_UTF8 + LINES.encode(),
    "UTF-16": LINES.encode("utf-16"),
    "UTF-16 BE with a mark": codecs.BOM_UTF16_BE + LINES.encode("utf-16-be"),
    "UTF-16 LE without a mark": LINES.encode("utf-16-le"),
    "UTF-16 BE without a mark": LINES.encode("utf-16-be"),
    "UTF-32": LINES.encode("utf-32"),
    "Latin-1": LINES.encode("latin-1"),
    "lines of Windows": LINES.replace("\n", "\r\n").encode(),
    "lines of old Macs": LINES.replace("\n", "\r").encode(),
    "UTF-16 with lines of Windows": LINES.replace("\n", "\r\n").encode("utf-16"),
}


@pytest.fixture(autouse=True)
def file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)
    return tmp_path / ".env"


@pytest.mark.parametrize("raw", ENCODINGS.values(), ids=ENCODINGS.keys())
def test_file_is_read_in_any_encoding(file: Path, raw: bytes) -> None:
    file.write_bytes(raw)
    found = read_settings()
    assert (found.port, found.kick_channel, found.log_level) == (9001, "nora", "DEBUG")


@pytest.mark.parametrize(
    ("raw", "line", "said"),
    [
        (b"PORT=1\nREDIS_URL=redis://:gr\xfc\xdfe@x/0\n", 2, "save the file as UTF-8"),
        (b"PORT=1\nKICK_CHANNEL=no\0ra\n", 2, "invisible character"),
        (b"A=1\n\nDISCORD_TOKEN=ab\xe2\x80\x8bcd\n", 3, "invisible character"),
        (b"PORT=1\n\nDISCORD_TOKEN\n", 3, "write NAME=value"),
        (b"PORT: 8080\n", 1, "write NAME=value"),
        (b'A=1\n{"PORT": 1}\n', 2, "write NAME=value"),
        (b"PORT=1\nKICK_CHANNEL='nora\nA=1\n", 2, "closing quote"),
        (codecs.BOM_UTF16_LE + b"PORT=1\n\xd8", 1, "save the file as UTF-8"),
    ],
)
def test_what_cannot_be_read_ends_in_a_sentence(
    file: Path, raw: bytes, line: int, said: str
) -> None:
    file.write_bytes(raw)
    with pytest.raises(StartError) as caught:
        read_settings()
    assert f"Line {line} of the file .env" in str(caught.value)
    assert said in str(caught.value)
    assert "gr\xfc" not in str(caught.value)


def test_file_that_may_not_be_read_ends_in_a_sentence(
    file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_self: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(StartError, match=r"\.env cannot be read \(Permission denied\)"):
        read_env_file(file)
