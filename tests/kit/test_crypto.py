"""Sealing: what is kept is unreadable, keys can be changed, and one is made where none is given."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from cryptography.fernet import Fernet

from core.kit.crypto import SealBroken, Vault, signing_key, vault_of
from core.kit.errors import StartError
from core.kit.settings import Settings, read_settings

OLD, NEW, FOREIGN = (Fernet.generate_key().decode() for _ in range(3))


def settings(folder: Path, **values: object) -> Settings:
    return Settings(_env_file=None, data_dir=folder / "data", **values)  # type: ignore[arg-type]


def test_a_sealed_text_is_unreadable_and_opens_again() -> None:
    vault = Vault([NEW])
    sealed = vault.seal("a token of Nora’s")
    assert "token" not in sealed
    assert sealed != vault.seal("a token of Nora’s")
    assert vault.open(sealed) == "a token of Nora’s"


def test_after_a_change_of_keys_the_old_still_opens_and_the_new_seals() -> None:
    before = Vault([OLD]).seal("text")
    both = Vault([NEW, OLD])
    assert both.open(before) == "text"
    assert Vault([NEW]).open(both.seal("text")) == "text"


# With names: keys and seals differ from run to run, and pytest-xdist compares the tests' names.
@pytest.mark.parametrize(
    "sealed", ["", "no seal", Vault([FOREIGN]).seal("text")], ids=["empty", "no seal", "foreign"]
)
def test_what_no_key_of_ours_sealed_does_not_open(sealed: str) -> None:
    with pytest.raises(SealBroken):
        Vault([NEW, OLD]).open(sealed)


def test_a_changed_text_does_not_open() -> None:
    sealed = Vault([NEW]).seal("text")
    changed = sealed[:-5] + ("A" if sealed[-5] != "A" else "B") + sealed[-4:]
    with pytest.raises(SealBroken):
        Vault([NEW]).open(changed)


def test_the_keys_of_the_environment_are_used_in_their_order(tmp_path: Path) -> None:
    vault = vault_of(settings(tmp_path, token_encryption_keys=f" {NEW} ,{OLD},"))
    assert vault.open(Vault([OLD]).seal("text")) == "text"
    assert Vault([NEW]).open(vault.seal("text")) == "text"
    assert not (tmp_path / "data").exists()


def test_without_keys_one_is_made_and_kept(tmp_path: Path) -> None:
    sealed = vault_of(settings(tmp_path)).seal("text")
    vault_of.cache_clear()
    assert vault_of(settings(tmp_path)).open(sealed) == "text"
    file = tmp_path / "data" / "token_key"
    assert file.stat().st_mode & 0o777 == 0o600
    assert [found.name for found in file.parent.iterdir()] == ["token_key"]


def test_processes_that_start_together_get_the_same_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        keys = set(pool.map(lambda _n: signing_key(settings(tmp_path)), range(40)))
    assert len(keys) == 1


def test_a_folder_that_cannot_be_used_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "data").write_text("in the way")
    with pytest.raises(StartError, match="DATA_DIR"):
        signing_key(settings(tmp_path))


@pytest.mark.parametrize(
    "keys",
    [",", "hunter2-hunter2", f"{NEW},hunter2-hunter2"],
    ids=["none", "no key", "one of them no key"],
)
def test_keys_that_are_none_are_refused_without_repeating_them(keys: str) -> None:
    with pytest.raises(StartError, match="TOKEN_ENCRYPTION_KEYS") as refused:
        read_settings(_env_file=None, token_encryption_keys=keys)
    assert "hunter2" not in str(refused.value)


def test_every_single_key_is_kept_out_of_the_log(tmp_path: Path) -> None:
    assert {NEW, OLD} <= set(settings(tmp_path, token_encryption_keys=f"{NEW}, {OLD}").secrets())
