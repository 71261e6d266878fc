"""Authorization codes and tokens. Tokens contain their own data, signed with a fixed secret, so
they survive a restart of the sandbox."""

import hashlib
import secrets
import time
from base64 import urlsafe_b64encode
from dataclasses import dataclass, field
from typing import Any, Literal

from itsdangerous import BadSignature, URLSafeSerializer

from sandbox.faults import Faults
from sandbox.kick.models import BOT_USER_ID

CLIENT_ID = "01JQ0SANDB0XREGULARSAPP001"
CLIENT_SECRET = "sandbox-kick-client-secret"
BOT_TOKEN = "sandbox-kick-bot-user-token"
PREFIX = "KJ"
"""Prefix of every token."""
SCOPES = (
    "user:read",
    "channel:read",
    "channel:write",
    "channel:rewards:read",
    "channel:rewards:write",
    "chat:write",
    "streamkey:read",
    "events:subscribe",
    "moderation:ban",
    "moderation:chat_message:manage",
    "kicks:read",
)

Kind = Literal["user", "app", "refresh"]


class InvalidGrant(Exception):
    """A refused code or token; the text is the ``error_description``."""


@dataclass(frozen=True)
class Token:
    """``user_id`` is None for an app token; ``expires_at`` is in Unix seconds."""

    kind: Kind
    user_id: int | None
    scopes: tuple[str, ...]
    grant: str
    issued_at: float
    expires_at: float


@dataclass(frozen=True)
class Consent:
    """The grant of an authorization code."""

    user_id: int
    scopes: tuple[str, ...]
    redirect_uri: str
    code_challenge: str
    expires_at: float


@dataclass
class Tokens:
    """Issues and checks tokens."""

    faults: Faults
    _codes: dict[str, Consent] = field(default_factory=dict)
    _revoked: set[str] = field(default_factory=set)
    _dead_before: float = 0.0
    _access_dead_before: float = 0.0
    _seal: URLSafeSerializer = field(
        default_factory=lambda: URLSafeSerializer(CLIENT_SECRET, salt="kick-token")
    )

    def consent(
        self, user_id: int, scopes: tuple[str, ...], redirect_uri: str, code_challenge: str
    ) -> str:
        """A new authorization code."""
        code = secrets.token_urlsafe(36)
        expires_at = time.time() + self.faults.number("kick.token.code_lifetime_s")
        self._codes[code] = Consent(user_id, scopes, redirect_uri, code_challenge, expires_at)
        return code

    def redeem_code(self, code: str, redirect_uri: str, verifier: str) -> tuple[str, str, Token]:
        """Access token, refresh token and their content. A failure uses up the code, too."""
        consent = self._codes.pop(code, None)
        if consent is None or consent.expires_at < time.time():
            raise InvalidGrant("The authorization code is invalid, expired or already used.")
        if consent.redirect_uri != redirect_uri:
            raise InvalidGrant("The redirect_uri does not match the authorization request.")
        if not 43 <= len(verifier) <= 128 or challenge_of(verifier) != consent.code_challenge:
            raise InvalidGrant("The code_verifier does not match the code_challenge.")
        return self._pair(consent.user_id, consent.scopes, secrets.token_hex(8))

    def refresh(self, refresh_token: str) -> tuple[str, str, Token]:
        """A new pair. The old refresh token stays valid, as on Kick since November 2025."""
        token = self.read(refresh_token)
        if token is None or token.kind != "refresh" or token.user_id is None:
            raise InvalidGrant("The refresh token is invalid or expired.")
        if self.faults.flag("kick.token.refresh_single_use"):
            self._revoked.add(refresh_token)
        return self._pair(token.user_id, token.scopes, token.grant)

    def app_token(self) -> tuple[str, Token]:
        """A token of the app itself, without scopes."""
        return self._mint("app", None, (), secrets.token_hex(8))

    def _pair(self, user_id: int, scopes: tuple[str, ...], grant: str) -> tuple[str, str, Token]:
        access, token = self._mint("user", user_id, scopes, grant)
        refresh, _ = self._mint("refresh", user_id, scopes, grant)
        return access, refresh, token

    def _mint(
        self, kind: Kind, user_id: int | None, scopes: tuple[str, ...], grant: str
    ) -> tuple[str, Token]:
        issued_at = time.time()
        expires_at = issued_at + self.faults.number(f"kick.token.{kind}_lifetime_s")
        token = Token(kind, user_id, scopes, grant, issued_at, expires_at)
        content = [kind, user_id, list(scopes), grant, issued_at, expires_at, secrets.token_hex(4)]
        return f"{PREFIX}{self._seal.dumps(content)}", token

    def read(self, text: str) -> Token | None:
        """A token's content; None if it is unknown, expired or revoked."""
        if text == BOT_TOKEN:
            return None if text in self._revoked else _BOT
        token = self._unsealed(text)
        return token if token is not None and self._alive(text, token) else None

    def _alive(self, text: str, token: Token) -> bool:
        dead_before = self._dead_before
        if token.kind != "refresh":
            dead_before = max(dead_before, self._access_dead_before)
        return (
            token.expires_at > time.time()
            and token.issued_at > dead_before
            and text not in self._revoked
            and token.grant not in self._revoked
        )

    def revoke(self, text: str) -> None:
        """A refresh token revokes its whole grant. Unknown tokens are ignored."""
        self._revoked.add(text)
        token = self._unsealed(text)
        if token is not None and token.kind == "refresh":
            self._revoked.add(token.grant)

    def _unsealed(self, text: str) -> Token | None:
        """A token's content even if expired or revoked; None if it was not issued here."""
        try:
            return _token_of(self._seal.loads(text.removeprefix(PREFIX)))
        except BadSignature:
            return None

    def end_all(self, *, access_only: bool) -> None:
        """Invalidate all tokens issued so far, or only the access tokens."""
        self._access_dead_before = time.time()
        if not access_only:
            self._dead_before = self._access_dead_before


def _token_of(content: list[Any]) -> Token:
    kind, user_id, scopes, grant, issued_at, expires_at, _nonce = content
    return Token(kind, user_id, tuple(scopes), grant, issued_at, expires_at)


def challenge_of(verifier: str) -> str:
    """The S256 challenge of a PKCE verifier."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return urlsafe_b64encode(digest).rstrip(b"=").decode()


_BOT = Token("user", BOT_USER_ID, ("chat:write", "user:read"), "bot", 0.0, 4_102_444_800.0)
