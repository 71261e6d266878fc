"""Fixtures for the fake Kick: a sandbox, a client, a receiver that checks signatures itself."""

import base64
import hashlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
import requests
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from sandbox.kick.driver import KickDriver
from sandbox.kick.signing import SigningKey
from sandbox.serve import Sandbox, on_thread
from tests.patience import PATIENCE, until

NORA, TOMAS, MIA, LEO, VERA = 4_100_001, 4_100_002, 4_100_003, 4_100_004, 4_100_007
KEY = SigningKey()
VERIFIER = "v" * 64
ALL_SCOPES = (
    "user:read channel:read channel:write channel:rewards:read channel:rewards:write chat:write "
    "streamkey:read events:subscribe moderation:ban moderation:chat_message:manage kicks:read"
)


@dataclass(frozen=True)
class Received:
    """A webhook as it arrived."""

    headers: dict[str, str]
    raw: bytes
    at: float

    @property
    def body(self) -> Any:
        return json.loads(self.raw)

    @property
    def message_id(self) -> str:
        return self.headers["Kick-Event-Message-Id"]

    @property
    def type(self) -> str:
        return self.headers["Kick-Event-Type"]

    def is_signed_by(self, pem: str) -> bool:
        """Whether the signature fits, by the recipe of Kick's documentation."""
        key = serialization.load_pem_public_key(pem.encode())
        assert isinstance(key, rsa.RSAPublicKey)
        timestamp = self.headers["Kick-Event-Message-Timestamp"]
        signed = f"{self.message_id}.{timestamp}.".encode() + self.raw
        signature = base64.b64decode(self.headers["Kick-Event-Signature"], validate=True)
        try:
            key.verify(signature, signed, padding.PKCS1v15(), hashes.SHA256())
        except InvalidSignature:
            return False
        return True


@dataclass
class Receiver:
    """The product's webhook address; ``status`` is what it answers, when ``think`` has returned."""

    port: int = 0
    status: int = 204
    think: Callable[[bytes], object] = lambda _raw: None
    received: list[Received] = field(default_factory=list)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/webhooks/kick"

    def wait_for(self, count: int) -> list[Received]:
        """The first ``count`` webhooks."""
        until(lambda: len(self.received) >= count, f"{count} webhooks")
        return self.received[:count]

    def types(self) -> list[str]:
        return [each.type for each in self.received]


@dataclass
class Kick:
    """A running fake Kick as a client sees it."""

    sandbox: Sandbox
    driver: KickDriver
    receiver: Receiver

    @property
    def env(self) -> dict[str, str]:
        return self.sandbox.env

    def call(
        self, method: str, path: str, token: str | None = None, **more: Any
    ) -> requests.Response:
        """A request to the public API, ``path`` without ``/public``."""
        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        url = f"{self.env['KICK_API_URL']}/public{path}"
        return requests.request(method, url, headers=headers, timeout=PATIENCE, **more)

    def oauth(self, path: str, **form: str) -> requests.Response:
        """A form posted to id.kick.com, ``path`` without ``/oauth``."""
        return requests.post(
            f"{self.env['KICK_AUTH_URL']}/oauth{path}", data=form, timeout=PATIENCE
        )

    def token_request(self, **form: str) -> requests.Response:
        """A token request with the right client."""
        client = {
            "client_id": self.env["KICK_CLIENT_ID"],
            "client_secret": self.env["KICK_CLIENT_SECRET"],
        }
        return self.oauth("/token", **(client | form))

    def app_token(self) -> str:
        return str(self.token_request(grant_type="client_credentials").json()["access_token"])

    @property
    def redirect_uri(self) -> str:
        return f"http://localhost:{self.receiver.port}/callback"

    def authorize_url(self, scope: str | None = ALL_SCOPES, **changes: str | None) -> str:
        """A good authorize request but for the changes; None leaves a parameter out."""
        digest = hashlib.sha256(VERIFIER.encode()).digest()
        query: dict[str, str | None] = {
            "response_type": "code",
            "client_id": self.env["KICK_CLIENT_ID"],
            "redirect_uri": self.redirect_uri,
            "scope": scope,
            "state": "state-1",
            "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
            "code_challenge_method": "S256",
        }
        given = {key: value for key, value in {**query, **changes}.items() if value is not None}
        return f"{self.env['KICK_AUTH_URL']}/oauth/authorize?{urlencode(given)}"

    def code(self, person: str, scope: str = ALL_SCOPES) -> str:
        """An authorization code."""
        location = self.driver.consent(self.authorize_url(scope), person)
        return parse_qs(urlsplit(location).query)["code"][0]

    def exchange(self, code: str, /, **changes: str) -> requests.Response:
        """The code for tokens."""
        form = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": self.redirect_uri,
            "code_verifier": VERIFIER,
        }
        return self.token_request(**(form | changes))

    def grant(self, person: str, scope: str = ALL_SCOPES) -> dict[str, Any]:
        """The token answer for a person."""
        return dict(self.exchange(self.code(person, scope)).json())

    def user_token(self, person: str, scope: str = ALL_SCOPES) -> str:
        return str(self.grant(person, scope)["access_token"])

    def subscribe(self, *events: str, channel: int = NORA) -> list[str]:
        """Subscribe with the app token; the subscription ids."""
        body = {
            "broadcaster_user_id": channel,
            "method": "webhook",
            "events": [{"name": name, "version": 1} for name in events],
        }
        answer = self.call("POST", "/v1/events/subscriptions", self.app_token(), json=body)
        return [item["subscription_id"] for item in answer.json()["data"]]

    def one(self, event: str, act: Callable[[], object]) -> Received:
        """The webhook that an act causes."""
        self.subscribe(event)
        act()
        return self.receiver.wait_for(1)[0]

    def public_key(self) -> str:
        return str(self.call("GET", "/v1/public-key").json()["data"]["public_key"])


def _handler(receiver: Receiver) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            raw = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.think(raw)
            receiver.received.append(Received(dict(self.headers), raw, time.monotonic()))
            self.send_response(receiver.status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: object) -> None:
            """Say nothing."""

    return Handler


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    receiver = Receiver()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(receiver))
    server.daemon_threads = True
    receiver.port = server.server_port
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield receiver
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def kick(receiver: Receiver) -> Iterator[Kick]:
    with on_thread(receiver.url, signing_key=KEY) as sandbox:
        driver = KickDriver(sandbox.base_url)
        yield Kick(sandbox, driver, receiver)
        driver.close()
