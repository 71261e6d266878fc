"""Settings from the environment: valid values, and errors for invalid ones."""

import itertools
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from pydantic import SecretStr

from core.kit.errors import StartError
from core.kit.runtime.settings import Settings, read_settings

SECRET = "hunter2-hunter2"


@pytest.fixture(autouse=True)
def bare(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty folder, without our environment variables."""
    monkeypatch.chdir(tmp_path)
    for name in Settings.model_fields:
        monkeypatch.delenv(name.upper(), raising=False)


def test_defaults_are_valid() -> None:
    settings = read_settings()
    assert settings.discord_token is None
    assert settings.port == 8080


def test_empty_variable_counts_as_unset(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in Settings.model_fields:
        monkeypatch.setenv(name.upper(), "")
    assert read_settings() == Settings(_env_file=None)


def test_empty_env_file_line_counts_as_unset(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("PORT=\nDISCORD_TOKEN=\n")
    assert read_settings().port == 8080
    assert read_settings().discord_token is None


def test_environment_overrides_the_env_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".env").write_text("PORT=9001\nKICK_CHANNEL=fromfile\n")
    monkeypatch.setenv("PORT", "9002")
    settings = read_settings()
    assert (settings.port, settings.kick_channel) == (9002, "fromfile")


def test_unknown_settings_in_env_file_are_ignored(tmp_path: Path) -> None:
    (tmp_path / ".env").write_text("SOMETHING_ELSE=1\n")
    assert read_settings() == Settings(_env_file=None)


def test_all_invalid_settings_are_named_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PORT", "many")
    monkeypatch.setenv("LOG_LEVEL", "LOUD")
    monkeypatch.setenv("OAUTH_BASE_URL", "bot.example")
    with pytest.raises(StartError) as caught:
        read_settings()
    for name in ("PORT", "LOG_LEVEL", "OAUTH_BASE_URL"):
        assert name in str(caught.value)


@pytest.mark.parametrize(
    ("name", "given", "sentence"),
    [
        ("OAUTH_BASE_URL", "bot.example", "OAUTH_BASE_URL must start with https://."),
        ("OAUTH_BASE_URL", "ftp://bot.example", "must start with http:// or https://."),
        ("DISCORD_GUILD_ID", "Nora", "DISCORD_GUILD_ID must be the server's number (right click"),
        ("SLOT_CALLS_CHANNEL_ID", "#calls", "must be the channel's number (right click"),
        ("PORT", "many", "PORT must be a whole number."),
        ("PORT", "0", "PORT must be at least 1."),
        ("PORT", "65536", "PORT must be at most 65535."),
        ("USE_DUAL_MODE", "perhaps", "USE_DUAL_MODE must be true or false."),
        ("LOG_LEVEL", "LOUD", "must be one of 'DEBUG', 'INFO', 'WARNING' or 'ERROR'."),
        ("TOKEN_ENCRYPTION_KEYS", "x", "must be one or more Fernet keys"),
    ],
)
def test_invalid_settings_are_explained_in_our_own_words(
    name: str, given: str, sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, given)
    with pytest.raises(StartError) as caught:
        read_settings()
    assert sentence in str(caught.value)
    for validators in ("Input should", "Value error", "unable to parse"):
        assert validators not in str(caught.value)


@pytest.mark.parametrize(
    ("settings", "problem"),
    [
        ({"oauth_base_url": "https://bot.example/"}, None),
        ({"oauth_base_url": "http://bot.example"}, "OAUTH_BASE_URL must start with https://"),
        ({"oauth_base_url": "https://bot.example/bot"}, "without a path"),
        ({"slot_calls_channel_id": 5}, "SLOT_CALLS_CHANNEL_ID has no effect without"),
        ({"slot_calls_channel_id": 5, "discord_guild_id": 1}, None),
        ({}, None),
    ],
)
def test_valid_but_conflicting_settings_are_reported_as_problems(
    settings: dict[str, object], problem: str | None
) -> None:
    found = Settings(_env_file=None, **settings).problems()  # type: ignore[arg-type]
    assert len(found) == (problem is not None)
    assert (problem or "") in " ".join(found)


# Even if a secret is pasted into the wrong setting.
@pytest.mark.parametrize("name", ["PORT", "DISCORD_GUILD_ID", "OAUTH_BASE_URL", "LOG_LEVEL"])
def test_invalid_values_are_never_repeated(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(name, SECRET)
    with pytest.raises(StartError) as caught:
        read_settings()
    assert SECRET not in str(caught.value)
    # Not in a traceback either: pydantic's own error, which shows its input, is cut off.
    assert caught.value.__suppress_context__


def test_every_secret_setting_is_hidden_and_redacted() -> None:
    secret_fields = [
        n for n, f in Settings.model_fields.items() if "SecretStr" in str(f.annotation)
    ]
    assert {"discord_token", "kick_client_secret", "kick_bot_user_token"} <= set(secret_fields)
    values = {name: SecretStr(f"{SECRET}-{name}") for name in secret_fields}
    values["token_encryption_keys"] = SecretStr(Fernet.generate_key().decode())
    values["shuffle_affiliate_url"] = SecretStr(f"https://shuffle.example/{SECRET}")
    values["database_url"] = SecretStr(f"postgresql://u:{SECRET}@127.0.0.1/x")
    values["redis_url"] = SecretStr(f"redis://:{SECRET}@127.0.0.1/0")
    settings = Settings(_env_file=None, **values)  # type: ignore[arg-type]
    assert not any(value.get_secret_value() in repr(settings) for value in values.values())
    assert set(settings.secrets()) == {value.get_secret_value() for value in values.values()}


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("https://bot.example", "https://bot.example"),
        ("https://bot.example/", "https://bot.example"),
        ("http://127.0.0.1:8081/kick/api//", "http://127.0.0.1:8081/kick/api"),
    ],
)
def test_urls_lose_their_trailing_slash(
    given: str, kept: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KICK_API_URL", given)
    assert read_settings().kick_api_url == kept


def test_settings_are_immutable() -> None:
    with pytest.raises(ValueError, match="frozen"):
        read_settings().port = 1  # type: ignore[misc]


def test_every_setting_has_a_description() -> None:
    for name, field in Settings.model_fields.items():
        assert field.description, name
        assert field.description.endswith("."), name


def test_port_bounds_are_enforced(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in itertools.product(["PORT"], ["0", "65536"]):
        monkeypatch.setenv(name, value)
        with pytest.raises(StartError, match=name):
            read_settings()


ADDRESSES = {
    "OAUTH_BASE_URL": [
        "bot.example",
        "https://",
        "https://bot.example:99999",
        "https://a bot",
    ],
    "DATABASE_URL": [
        "db.example/regulars",
        "mysql://u:p@db.example/x",
        "postgresql://u:p@db.example:many/x",
        "postgresql://u:a/b@db.example/x",
        "postgresql://u:p@db.example:0/x",
        "postgresql://u:p@fe80::1:5432/x",
    ],
    "REDIS_URL": [
        "cache.example:6379",
        "http://cache.example",
        "redis://:p@[::1:6379/0",
        "redis://",
    ],
    "HOST": ["http://0.0.0.0", "0.0.0.0:8080", "[::]:8080", "my host", "*"],
    "KICK_API_URL": ["api.kick.com", "ftp://api.kick.com"],
    "TWITCH_EVENTSUB_WS_URL": ["https://eventsub.example"],
    "PORT": ["0", "65536", "80a", "-1", "8080,8081"],
    "DISCORD_TOKEN": ["abc def", "ab\u200bc", "\u201cabc\u201d", "abc\ndef"],
}


@pytest.mark.parametrize(
    ("name", "value"), [(name, value) for name, values in ADDRESSES.items() for value in values]
)
def test_mistakes_end_in_one_sentence_about_their_setting(
    name: str, value: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    with pytest.raises(StartError) as caught:
        read_settings()
    _heading, said = str(caught.value).splitlines()
    assert said.startswith(f"  {name} ")
    assert said.endswith(".")
    assert "is not valid" not in said, "what to do"


@pytest.mark.parametrize(
    ("name", "value", "kept"),
    [
        ("HOST", "::", "::"),
        ("HOST", "[::1]", "::1"),
        ("HOST", "localhost", "localhost"),
        ("DATABASE_URL", "postgres://u:p@[::1]:5432/x", "postgres://u:p@[::1]:5432/x"),
        ("DATABASE_URL", "postgresql:///x?host=/run/pg", "postgresql:///x?host=/run/pg"),
        ("REDIS_URL", " redis://[::1]:6379/0 ", "redis://[::1]:6379/0"),
        ("REDIS_URL", "unix:///run/redis.sock?db=0", "unix:///run/redis.sock?db=0"),
        ("OAUTH_BASE_URL", "https://[2001:db8::1]:8443/", "https://[2001:db8::1]:8443"),
        ("KICK_CHANNEL", '"nora"', "nora"),
        ("KICK_CHANNEL", " ' nora ' ", "nora"),
        ("KICK_CHANNEL", "   ", None),
        ("DISCORD_TOKEN", " abc.def\r\n", "abc.def"),
    ],
)
def test_what_is_meant_is_understood(
    name: str, value: str, kept: str | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(name, value)
    found = getattr(read_settings(), name.lower())
    assert (found.get_secret_value() if isinstance(found, SecretStr) else found) == kept
