"""Encryption: stored text is unreadable, keys can be changed, and one is generated if none is
set."""

import errno
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.kit.errors import StartError
from core.kit.runtime.crypto import SealBroken, Vault, signing_key, vault_of
from core.kit.runtime.settings import Settings, read_settings

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))


def settings(folder: Path, **values: object) -> Settings:
    return Settings(_env_file=None, data_dir=folder / "data", **values)  # type: ignore[arg-type]


def test_sealed_text_is_unreadable_and_opens_again() -> None:
    vault = Vault([NEW])
    sealed = vault.seal("a token of Nora’s")
    assert "token" not in sealed
    assert sealed != vault.seal("a token of Nora’s")
    assert vault.open(sealed) == "a token of Nora’s"


def test_rotated_keys_open_old_seals_and_seal_with_the_new_key() -> None:
    before = Vault([OLD]).seal("text")
    both = Vault([NEW, OLD])
    assert both.open(before) == "text"
    assert Vault([NEW]).open(both.seal("text")) == "text"


# With names: keys and seals differ from run to run, and pytest-xdist compares the tests' names.
@pytest.mark.parametrize(
    "sealed", ["", "no seal", Vault([FOREIGN]).seal("text")], ids=["empty", "no seal", "foreign"]
)
def test_text_sealed_with_unknown_key_does_not_open(sealed: str) -> None:
    with pytest.raises(SealBroken):
        Vault([NEW, OLD]).open(sealed)


def test_altered_seal_does_not_open() -> None:
    sealed = Vault([NEW]).seal("text")
    changed = sealed[:-5] + ("A" if sealed[-5] != "A" else "B") + sealed[-4:]
    with pytest.raises(SealBroken):
        Vault([NEW]).open(changed)


def test_environment_keys_are_used_in_order(tmp_path: Path) -> None:
    vault = vault_of(settings(tmp_path, token_encryption_keys=f" {NEW} ,{OLD},"))
    assert vault.open(Vault([OLD]).seal("text")) == "text"
    assert Vault([NEW]).open(vault.seal("text")) == "text"
    assert not (tmp_path / "data").exists()


def test_missing_key_is_generated_and_stored(tmp_path: Path) -> None:
    sealed = vault_of(settings(tmp_path)).seal("text")
    vault_of.cache_clear()
    assert vault_of(settings(tmp_path)).open(sealed) == "text"
    file = tmp_path / "data" / "token_key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in file.parent.iterdir()] == ["token_key"]


def test_simultaneous_processes_share_one_generated_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _n: signing_key(settings(tmp_path)), range(40)))
    assert len(keys) == 1


def test_unusable_data_dir_raises_start_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StartError, match="DATA_DIR"):
        signing_key(settings(tmp_path))


def test_full_disk_is_named_with_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def write(_file: Path, _text: str) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Path, "write_text", write)
    with pytest.raises(StartError, match="free some disk space"):
        signing_key(settings(tmp_path))


@pytest.mark.parametrize(
    "keys",
    [",", "hunter2-hunter2", f"{NEW},hunter2-hunter2"],
    ids=["none", "no key", "one of them no key"],
)
def test_invalid_keys_are_rejected_without_repeating_them(keys: str) -> None:
    with pytest.raises(StartError, match="TOKEN_ENCRYPTION_KEYS") as refused:
        read_settings(_env_file=None, token_encryption_keys=keys)
    assert "hunter2" not in str(refused.value)


def test_every_key_is_redacted_from_the_log(tmp_path: Path) -> None:
    assert {NEW, OLD} <= set(settings(tmp_path, token_encryption_keys=f"{NEW}, {OLD}").secrets())
