"""Authorization codes and tokens; they end with the sandbox."""

import secrets
import time
from dataclasses import dataclass, field

from sandbox.faults import Faults


class InvalidGrant(Exception):
    """A refused code or refresh token."""


@dataclass(frozen=True)
class Token:
    """``user_id`` is None for an app token."""

    user_id: int | None
    scopes: tuple[str, ...]
    expires_at: float


@dataclass
class Tokens:
    faults: Faults
    access: dict[str, Token] = field(default_factory=dict)
    refresh: dict[str, tuple[int, tuple[str, ...]]] = field(default_factory=dict)
    codes: dict[str, tuple[int, tuple[str, ...], str]] = field(default_factory=dict)
    granted: dict[int, set[str]] = field(default_factory=dict)
    """User id -> the scopes that they ever allowed the app, until they remove it."""

    def consent(self, user_id: int, scopes: tuple[str, ...], redirect_uri: str) -> str:
        """A new authorization code."""
        code = secrets.token_urlsafe(22)
        self.codes[code] = (user_id, scopes, redirect_uri)
        return code

    def redeem(self, code: str, redirect_uri: str) -> tuple[str, str, Token]:
        """Access token, refresh token and content. A code works once."""
        found = self.codes.pop(code, None)
        if found is None or found[2] != redirect_uri:
            raise InvalidGrant("Invalid authorization code")
        user_id, scopes, _uri = found
        self.granted.setdefault(user_id, set()).update(scopes)
        refresh = secrets.token_hex(25)
        self.refresh[refresh] = (user_id, scopes)
        access, token = self._mint(user_id, scopes)
        return access, refresh, token

    def renew(self, refresh: str) -> tuple[str, str, Token]:
        """A new access token; the refresh token stays."""
        if refresh not in self.refresh:
            raise InvalidGrant("Invalid refresh token")
        access, token = self._mint(*self.refresh[refresh])
        return access, refresh, token

    def app_token(self) -> tuple[str, Token]:
        return self._mint(None, ())

    def _mint(self, user_id: int | None, scopes: tuple[str, ...]) -> tuple[str, Token]:
        lifetime = self.faults.number("twitch.token.lifetime_s") if user_id else 5_000_000
        access, token = secrets.token_hex(15), Token(user_id, scopes, time.time() + lifetime)
        self.access[access] = token
        return access, token

    def read(self, access: str) -> Token | None:
        """Its content; None if it is unknown, expired or revoked."""
        token = self.access.get(access)
        return token if token is not None and token.expires_at > time.time() else None

    def expire(self) -> None:
        """All user access tokens end now."""
        self.access = {key: token for key, token in self.access.items() if token.user_id is None}

    def remove_app(self, user_id: int) -> None:
        """A user disconnects the app: everything that they granted ends."""
        self.granted.pop(user_id, None)
        self.access = {key: token for key, token in self.access.items() if token.user_id != user_id}
        self.refresh = {key: token for key, token in self.refresh.items() if token[0] != user_id}
