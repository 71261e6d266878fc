"""Guest tokens: JWTs that let a client without an account connect to Centrifugo. A token belongs to
one client id; ``refresh`` needs one of the same. The signature is HMAC-SHA-256 (guess)."""

import base64
import hashlib
import hmac
import json
import secrets
import time
from dataclasses import dataclass


class InvalidToken(Exception):
    """A token that was not issued here."""


@dataclass(frozen=True)
class GuestToken:
    """A client id and the expiry in Unix seconds."""

    client_id: str
    expires_at: float

    def seconds_left(self) -> float:
        return self.expires_at - time.time()


class GuestTokens:
    def __init__(self) -> None:
        self._key = secrets.token_bytes(32)

    def issue(self, client_id: str, lifetime: int) -> str:
        now = time.time()
        claims = {"sub": client_id, "iat": now, "exp": now + lifetime}
        signed = f"{_encode({'alg': 'HS256', 'typ': 'JWT'})}.{_encode(claims)}"
        return f"{signed}.{self._sign(signed)}"

    def read(self, token: str) -> GuestToken:
        """The content, expired or not; InvalidToken if it was not issued here."""
        signed, _, signature = token.rpartition(".")
        if not hmac.compare_digest(signature.encode(), self._sign(signed).encode()):
            raise InvalidToken
        claims = json.loads(_decode(signed.partition(".")[2]))
        return GuestToken(claims["sub"], claims["exp"])

    def _sign(self, signed: str) -> str:
        return _text(hmac.digest(self._key, signed.encode(), hashlib.sha256))


def _encode(part: dict[str, object]) -> str:
    return _text(json.dumps(part, separators=(",", ":")).encode())


def _text(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _decode(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
