"""Encryption of stored secrets, and keys that are generated once if none is set.

Fernet (AES-128-CBC with HMAC-SHA256) from `cryptography`; several keys may be valid at a time, so
that they can be rotated without reconnecting accounts.
"""

import errno
import hashlib
import hmac
import os
import secrets
from collections.abc import Callable, Sequence
from contextlib import suppress
from functools import cache
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken, MultiFernet

from core.kit.errors import StartError
from core.kit.runtime.settings import Settings, split_keys


def hash_of(secret: str) -> str:
    """The hash that is stored instead of a secret."""
    return hashlib.sha256(secret.encode()).hexdigest()


class SealBroken(Exception):
    """A sealed text was not sealed with any of our keys, or was changed since."""


class Vault:
    """Encrypts texts with the first of its Fernet keys, and decrypts them with any."""

    def __init__(self, keys: Sequence[str]) -> None:
        self._fernet = MultiFernet([Fernet(key) for key in keys])

    def seal(self, text: str) -> str:
        """Encrypt; the result is different each time."""
        return self._fernet.encrypt(text.encode()).decode()

    def open(self, sealed: str) -> str:
        """Decrypt. Raises SealBroken if none of the keys fits."""
        try:
            return self._fernet.decrypt(sealed.encode()).decode()
        except InvalidToken:
            raise SealBroken("encrypted with an unknown key") from None


@cache
def temporary_vault() -> Vault:
    """A vault whose key is lost with the process: for tests, and for tools that store nothing
    encrypted.
    """
    return Vault([Fernet.generate_key().decode()])


@cache
def vault_of(settings: Settings) -> Vault:
    """The installation's vault: TOKEN_ENCRYPTION_KEYS, or one key kept in the data folder."""
    if settings.token_encryption_keys is not None:
        return Vault(split_keys(settings.token_encryption_keys.get_secret_value()))
    return Vault([_kept(settings.data_dir / "token_key", lambda: Fernet.generate_key().decode())])


def signing_key(settings: Settings) -> str:
    """The key that signs cookies and links: FLASK_SECRET_KEY, or one stored in the data folder."""
    if settings.flask_secret_key is not None:
        return settings.flask_secret_key.get_secret_value()
    return _kept(key_file(settings), lambda: secrets.token_urlsafe(48))


def key_file(settings: Settings) -> Path:
    """The file of that key."""
    return settings.data_dir / "secret_key"


def health_token(settings: Settings) -> str:
    """The token for details of the health report: HEALTH_TOKEN, or one derived from `signing_key`,
    for our programs on this machine.
    """
    if settings.health_token is not None:
        return settings.health_token.get_secret_value()
    return fingerprint(signing_key(settings), "health")


def fingerprint(key: str, text: str) -> str:
    """A keyed hash: without the key, the text cannot be found by trying every number."""
    return hmac.new(key.encode(), text.encode(), "sha256").hexdigest()


def _kept(file: Path, make: Callable[[], str]) -> str:
    """The content of this file; the first process creates it. Raises StartError if the folder
    cannot be used."""
    try:
        if not file.exists():
            _make_once(file, make())
        return file.read_text().strip()
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        remedy = "free some disk space" if is_full else "set DATA_DIR to a folder that you own"
        raise StartError(
            f"Cannot store a key in {file.parent.resolve()} ({error.strerror}): {remedy}, or set "
            "FLASK_SECRET_KEY and TOKEN_ENCRYPTION_KEYS."
        ) from error


def _make_once(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.{os.getpid()}.{secrets.token_hex(4)}")
    draft.touch(mode=0o600)
    try:
        draft.write_text(text)
        with suppress(FileExistsError):
            os.link(draft, file)  # atomic, and never replaces an existing file
    finally:
        draft.unlink()
