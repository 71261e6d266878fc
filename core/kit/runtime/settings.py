"""Settings of the installation, from environment variables or `.env`, read once at the start.

`.env.example` and `docs/settings.md` are generated from here. What a server's admin sets in Discord
is declared in the features.
"""

import os
import re
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from cryptography.fernet import Fernet
from pydantic import (
    AfterValidator,
    Field,
    SecretStr,
    ValidationError,
    ValidationInfo,
    field_validator,
)
from pydantic_settings import BaseSettings, SettingsConfigDict

from core.kit.errors import StartError
from core.kit.runtime.env_file import read_env_file


def _address(url: str, *schemes: str) -> str:
    """Raises ValueError unless it is an address with one of these schemes."""
    if not url.startswith(tuple(f"{scheme}://" for scheme in schemes)):
        raise ValueError(f"must start with {' or '.join(f'{scheme}://' for scheme in schemes)}")
    if re.search(r"\s", url):
        raise ValueError("must not contain spaces")
    try:
        parts = urlsplit(url)
        if parts.port == 0:
            raise ValueError("port")
    except ValueError:
        raise ValueError(
            "must have a host and a port from 1 to 65535, an IPv6 address in brackets, such as "
            f"{schemes[-1]}://[::1]:8080"
        ) from None
    if not parts.hostname:
        raise ValueError(f"must have a host behind {parts.scheme}://")
    return url


def _no_trailing_slash(url: str) -> str:
    return _address(url, "http", "https").rstrip("/")


Url = Annotated[str, AfterValidator(_no_trailing_slash)]


def _public(url: str) -> str:
    if "://" not in url:
        raise ValueError("must start with https://")
    return _no_trailing_slash(url)


def _socket(url: str) -> str:
    return _address(url, "ws", "wss")


SocketUrl = Annotated[str, AfterValidator(_socket)]

PublicUrl = Annotated[str, AfterValidator(_public)]


def _urls(urls: str) -> str:
    return ",".join(_no_trailing_slash(url.strip()) for url in urls.split(",") if url.strip())


Urls = Annotated[str, AfterValidator(_urls)]


def _database_address(secret: SecretStr) -> SecretStr:
    """The host may be missing, or part of the query."""
    url = secret.get_secret_value()
    looks = "postgresql://user:password@host:5432/name"
    if not re.match(r"postgres(ql)?(\+[a-z0-9]+)?://", url):
        raise ValueError(f"must start with postgresql://, such as {looks}")
    try:
        is_valid = urlsplit(url).port != 0
    except ValueError:
        is_valid = False
    if not is_valid or re.search(r"\s", url):
        raise ValueError(
            f"must look like {looks}, with @ : / # and spaces in the password written as %40 %3A "
            "%2F %23 %20, and an IPv6 address in brackets"
        )
    return secret


DatabaseUrl = Annotated[SecretStr, AfterValidator(_database_address)]


def _redis_address(secret: SecretStr) -> SecretStr:
    url = secret.get_secret_value()
    if not url.startswith("unix://"):
        _address(url, "rediss", "redis")
    return secret


RedisUrl = Annotated[SecretStr, AfterValidator(_redis_address)]


def _listen_on(host: str) -> str:
    """An IP address, without the brackets that it has in an address, or a name."""
    host = host.removeprefix("[").removesuffix("]")
    try:
        ip_address(host.split("%", 1)[0])
    except ValueError:
        if not re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]*[A-Za-z0-9])?", host):
            raise ValueError(
                "must be only an IP address of this computer, such as 127.0.0.1, 0.0.0.0 or ::; "
                "set the port with PORT"
            ) from None
    return host


Host = Annotated[str, AfterValidator(_listen_on)]

Folder = Annotated[Path, AfterValidator(Path.expanduser)]


def _chain(text: str) -> str:
    if not re.fullmatch("[0-9a-f]{64}:[0-9a-f]{192}:[0-9]{1,12}:[1-9][0-9]{0,5}:[0-9]{1,6}", text):
        raise ValueError("must be hash:public key:genesis:period:seconds ahead")
    return text


def split_keys(text: str) -> tuple[str, ...]:
    return tuple(key.strip() for key in text.split(",") if key.strip())


def _fernet_keys(secret: SecretStr) -> SecretStr:
    keys = split_keys(secret.get_secret_value())
    try:
        for key in keys:
            Fernet(key)
    except ValueError:
        keys = ()
    if not keys:
        raise ValueError(
            "must be one or more Fernet keys (32 bytes in URL-safe base64) separated by commas"
        )
    return secret


FernetKeys = Annotated[SecretStr, AfterValidator(_fernet_keys)]


def _secret_address(secret: SecretStr) -> SecretStr:
    _no_trailing_slash(secret.get_secret_value())
    return secret


SecretUrl = Annotated[SecretStr, AfterValidator(_secret_address)]
"""An http(s) address that must stay secret."""


class Settings(BaseSettings):
    """The settings of one installation. Empty values count as not set."""

    model_config = SettingsConfigDict(
        env_ignore_empty=True,
        extra="ignore",
        frozen=True,
        use_attribute_docstrings=True,
    )

    @field_validator("*", mode="before")
    @classmethod
    def _tidy(cls, value: object, info: ValidationInfo) -> object:
        """Strip surrounding spaces and quotes, which some programs keep. Raises ValueError for
        invalid values."""
        if not isinstance(value, str):
            return value
        value = value.strip()
        if len(value) > 1 and value[0] == value[-1] and value[0] in "\"'":
            value = value[1:-1].strip()
        if not value.isprintable():
            raise ValueError("contains a line break or an invisible character; type it again")
        name = str(info.field_name)
        if name.endswith(("_token", "_secret", "_client_id")) and re.search(r"[^!-~]", value):
            raise ValueError("must not contain spaces or letters with accents; copy it again")
        return value or cls.model_fields[name].get_default()

    # Discord
    discord_token: SecretStr | None = None
    """Token of your Discord bot. Without it the sandbox is started."""
    discord_guild_id: int | None = None
    """Id of your Discord server, to connect it to KICK_CHANNEL below."""
    discord_client_id: str | None = None
    """Client id of your Discord app, for logging in to the dashboard."""
    discord_client_secret: SecretStr | None = None
    """Client secret of your Discord app, for logging in to the dashboard."""

    # Kick
    kick_channel: str | None = None
    """Name of your Kick channel as in its address: kick.com/<name>."""
    kick_client_id: str | None = None
    """Client id of your Kick app."""
    kick_client_secret: SecretStr | None = None
    """Client secret of your app."""
    kick_bot_user_token: SecretStr | None = None
    """User token (chat:write) of a separate Kick account that answers in chat. It expires after two
    hours; without it the bot answers once `/connect_kick` has been run."""
    use_dual_mode: bool = True
    """Also listen to Kick's realtime feed, to notice what its webhooks leave out. If off, a gift
    whose webhook is lost goes unnoticed."""
    kick_use_kickpython_ws: bool = False
    """Read chat from Kick's realtime feed instead of from webhooks, for a server without a public
    address. With USE_DUAL_MODE subscriptions, gifts and Kicks from the feed count at once, too."""

    # Twitch
    twitch_client_id: str | None = None
    """Client id of your Twitch app."""
    twitch_client_secret: SecretStr | None = None
    """Client secret of your Twitch app."""
    twitch_eventsub: Literal["auto", "webhook", "websocket"] = "auto"
    """How Twitch's events arrive: by webhook, which needs OAUTH_BASE_URL, or by a WebSocket that
    this server opens. `auto` uses webhooks where possible."""
    twitch_online_message: str | None = Field(None, max_length=500)
    """What `python -m core.twitch.eventsub` writes in chat when it starts to listen. Default:
    nothing."""

    # Storage
    database_url: DatabaseUrl | None = None
    """PostgreSQL address (postgresql://user:password@host/name). Without it a built-in PostgreSQL
    runs under DATA_DIR."""
    redis_url: RedisUrl | None = None
    """Redis address, to notify other processes. A single process does not need it."""
    data_dir: Folder = Path("data")
    """Folder for the built-in PostgreSQL and generated keys."""

    # Web
    port: int = Field(8080, ge=1, le=65535)
    """Port of the web server."""
    host: Host = "0.0.0.0"
    """Address the web server listens on; :: is all of them, IPv6 and IPv4."""
    oauth_base_url: PublicUrl | None = None
    """Public https address of this server, without a path, behind one proxy. Kick sends its
    webhooks to <this address>/webhooks/kick and people who connect an account back to <this
    address>/auth/kick/callback."""
    flask_secret_key: SecretStr | None = None
    """Signs cookies and links. Without it one is generated in DATA_DIR."""
    web_threads: int = Field(128, ge=4, le=512)
    """Requests served at the same time; half of them are reserved for webhooks."""

    # Features
    watch_interval_seconds: int = Field(60, ge=1)
    """How often watchtime is credited. It does not change totals."""
    subscription_check_seconds: int = Field(600, ge=1, le=600)
    """How often the subscriptions to Kick's events are checked."""
    live_poll_seconds: int = Field(60, ge=1)
    """How often Kick is asked who is live, in addition to its webhooks."""
    slot_calls_channel_id: int | None = None
    """Discord channel for slot calls, until `!slotcalls channel` sets one."""
    role_update_interval_seconds: int = Field(600, ge=1)
    """How often all members are checked for reward roles. Members who reach one
    get it immediately."""
    raffle_auto_draw: bool = False
    """Draw raffles automatically when they end, unless changed in `/settings`."""
    raffle_announcement_channel_id: int | None = None
    """Discord channel for raffle news, until one is set in `/settings`."""
    shuffle_affiliate_url: SecretUrl | None = None
    """Address of your affiliate statistics at Shuffle, from your affiliate page there. Keep it
    secret: anyone who has it can read them."""
    shuffle_campaign_code: str | None = None
    """Your campaign code at Shuffle, until one is set in `/settings`."""
    wager_check_seconds: int = Field(300, ge=1)
    """How often affiliate platforms are asked for wagers. It does not change
    amounts, only how exactly the time of a wager is known."""

    # Safety
    token_encryption_keys: FernetKeys | None = None
    """Fernet keys that encrypt the tokens of connected accounts, comma separated: the first
    encrypts, all decrypt. Without it one is generated in DATA_DIR."""
    webhook_max_age_seconds: int = Field(86_400, ge=60)
    """Signed webhooks older than this are rejected. Late gifts must be accepted; replays are
    detected by their delivery ids, which are kept longer."""
    cron_secret: SecretStr | None = None
    """Bearer token for POST /api/cron/remove-expired-vips, for an external scheduler. VIPs also end
    without it. While it is not set, nobody can call the endpoint."""
    health_token: SecretStr | None = None
    """Bearer token that shows a monitoring service the reasons in GET /health. Without it everyone
    sees only the states; `health_check.py` and admins see everything."""
    webhook_log_days: int = Field(7, ge=1, le=365)
    """How long the log of Kick's deliveries is kept."""

    # Logs
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """The least severe log lines that are written."""
    log_format: Literal["text", "json"] = "text"
    """`json` is one object per line."""

    # Advanced: addresses of other services
    regulars_sandbox: bool = True
    """Start the sandbox when DISCORD_TOKEN is not set."""
    sandbox_port: int = Field(8081, ge=0, le=65535)
    """Port of the sandbox's page."""
    discord_api_url: Url = "https://discord.com/api/v10"
    """Discord's REST address."""
    discord_authorize_url: Url = "https://discord.com/oauth2/authorize"
    """Discord's consent page."""
    discord_cdn_url: Url = "https://cdn.discordapp.com"
    """Discord's server for avatars and icons."""
    kick_api_url: Url = "https://api.kick.com"
    """Kick's public API."""
    kick_auth_url: Url = "https://id.kick.com"
    """Kick's OAuth server."""
    kick_site_url: Url = "https://kick.com"
    """Kick's website."""
    kick_web_url: Url = "https://web.kick.com"
    """Kick's server that knows the address of the realtime feed."""
    kick_pusher_key: str | None = None
    """App key of the feed at Pusher, used when Kick does not tell the feed's address. Kick's own
    key ended in October 2026."""
    kick_pusher_cluster: str = "us2"
    """Pusher's cluster for that key."""
    kick_pusher_host: str | None = None
    """Host (or host:port, then without TLS) in place of ws-<cluster>.pusher.com."""
    twitch_api_url: Url = "https://api.twitch.tv/helix"
    """Twitch's API (Helix)."""
    twitch_auth_url: Url = "https://id.twitch.tv/oauth2"
    """Twitch's OAuth server."""
    twitch_eventsub_ws_url: SocketUrl = "wss://eventsub.wss.twitch.tv/ws"
    """Twitch's EventSub WebSocket."""
    streamelements_api_url: Url = "https://api.streamelements.com/kappa/v2"
    """StreamElements' API."""
    streamelements_astro_url: SocketUrl = "wss://astro.streamelements.com/"
    """StreamElements' WebSocket for activities (Astro)."""
    drand_url: Urls = (
        "https://api.drand.sh,https://api2.drand.sh,https://api3.drand.sh,"
        "https://drand.cloudflare.com"
    )
    """Addresses of the public randomness beacon that raffles are drawn with; the first that answers
    is used, because answers are signed."""
    drand_chain: Annotated[str, AfterValidator(_chain)] | None = None
    """A beacon other than the public one (quicknet), for testing: <hash>:<public
    key>:<genesis>:<period>:<seconds between the frozen list and its round>. Every draw made with it
    is labelled as not using the public beacon."""

    @property
    def public_url(self) -> str:
        """The address of this server for browsers. Not 127.0.0.1, which Kick's page rewrites."""
        return self.oauth_base_url or f"http://localhost:{self.port}"

    def problems(self) -> list[str]:
        """Settings that are valid but will not work, one sentence each."""
        found = []
        if self.oauth_base_url is not None:
            url = urlsplit(self.oauth_base_url)
            if url.scheme != "https":
                found.append(
                    "OAUTH_BASE_URL must start with https://, or Kick neither sends webhooks nor "
                    "lets people connect accounts."
                )
            if url.path or url.query or url.fragment:
                found.append(
                    "OAUTH_BASE_URL must be the address alone, such as https://bot.example.com, "
                    "without a path behind it."
                )
        if self.discord_guild_id is None:
            for name in ("slot_calls_channel_id", "raffle_announcement_channel_id"):
                if getattr(self, name) is not None:
                    found.append(f"{name.upper()} has no effect without DISCORD_GUILD_ID.")
        return found

    def secrets(self) -> tuple[str, ...]:
        """Every secret value, so that the log can blank them out."""
        values = (getattr(self, name) for name in type(self).model_fields)
        texts = [v.get_secret_value() for v in values if isinstance(v, SecretStr)]
        if self.token_encryption_keys is not None:
            texts += split_keys(self.token_encryption_keys.get_secret_value())
        return tuple(texts)


def read_settings(**overrides: object) -> Settings:
    """Read the environment and `.env`. Raises StartError if one or more values are not valid; all
    of them are named at once."""
    try:
        return Settings(**{**_of_env_file(), **overrides})  # type: ignore[arg-type]
    except ValidationError as error:
        lines = [f"  {_sentence(dict(problem))}" for problem in error.errors(include_input=False)]
        raise StartError(
            "These settings are not valid (see .env.example):\n" + "\n".join(lines)
        ) from None


def _of_env_file() -> dict[str, str]:
    """Settings in `.env` that are not in the environment."""
    file = Path(".env")
    if not file.is_file():
        return {}
    given = {name.lower() for name, value in os.environ.items() if value}
    found = {name.lower(): value for name, value in read_env_file(file).items() if value}
    return {
        name: value
        for name, value in found.items()
        if name in Settings.model_fields and name not in given
    }


_MUST_BE = {
    "int_parsing": "must be a whole number.",
    "bool_parsing": "must be true or false.",
    "greater_than_equal": "must be at least {ge}.",
    "less_than_equal": "must be at most {le}.",
    "literal_error": "must be one of {expected}.",
}

_IDS = {
    "GUILD_ID": "must be the server's number (right click on the server, Copy Server ID).",
    "CHANNEL_ID": "must be the channel's number (right click on the channel, Copy Channel ID).",
}
"""Discord offers these once Developer Mode is on."""


def _sentence(error: dict[str, Any]) -> str:
    """What a setting must be. The given value is not repeated, because it may be a secret."""
    name, known = str(error["loc"][0]).upper(), _MUST_BE.get(error["type"])
    for suffix, must_be in _IDS.items():
        if name.endswith(suffix):
            return f"{name} {must_be}"
    if known is not None:
        return f"{name} {known.format(**error.get('ctx', {}))}"
    if error["type"] == "value_error":
        return f"{name} {error['ctx']['error']}."
    return f"{name} is not valid."
