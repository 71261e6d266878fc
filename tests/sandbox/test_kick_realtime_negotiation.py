"""Which transport the feed has, and guests' tokens."""

import uuid

import pytest

from tests.sandbox.kick_harness import Kick
from tests.sandbox.kick_realtime_rig import NORA_CHANNEL_ID, ask, guest_token, negotiate


def chosen(kick: Kick, *accepted: str) -> list[str]:
    answer = negotiate(kick, *accepted).json()
    assert answer["message"] == "success"
    return [each["provider"] for each in answer["data"]["connections"]]


@pytest.mark.parametrize("path", [None, "connection"])
def test_centrifugo_is_returned_by_default(kick: Kick, path: str | None) -> None:
    answer = negotiate(kick, "centrifugo", "pusher", path=path)
    url = f"ws://127.0.0.1:{kick.sandbox.port}/kick/realtime/connection/websocket"
    connections = [{"provider": "centrifugo", "credentials": {"url": url}}]
    assert answer.json() == {
        "data": {"mode": "websocket", "connections": connections},
        "message": "success",
    }


@pytest.mark.parametrize(
    ("provider", "accepted", "expected"),
    [
        ("centrifugo", ["pusher"], []),
        ("pusher", ["pusher", "centrifugo"], ["pusher"]),
        ("pusher", ["centrifugo"], []),
        ("both", ["pusher", "centrifugo"], ["centrifugo"]),
        ("both", ["pusher"], ["pusher"]),
        ("none", ["pusher", "centrifugo"], []),
    ],
)
def test_server_chooses_the_provider(
    kick: Kick, provider: str, accepted: list[str], expected: list[str]
) -> None:
    kick.driver.fault(feed__provider=provider)
    assert chosen(kick, *accepted) == expected


def test_pusher_response_has_key_and_cluster(kick: Kick) -> None:
    kick.driver.fault(feed__provider="pusher")
    (connection,) = negotiate(kick, "pusher").json()["data"]["connections"]
    assert connection["credentials"] == {
        "app_key": kick.env["KICK_PUSHER_KEY"],
        "cluster": kick.env["KICK_PUSHER_CLUSTER"],
    }
    assert kick.env["KICK_PUSHER_HOST"] == f"127.0.0.1:{kick.sandbox.port}"


def test_unknown_channel_is_404(kick: Kick) -> None:
    user_id = NORA_CHANNEL_ID + 2_000_000
    answer = negotiate(kick, "centrifugo", path=f"channels/{user_id}/chat/connection")
    assert answer.status_code == 404


@pytest.mark.parametrize(
    "body", [b"", b"[]", b'{"client":{"id":"no uuid"},"capabilities":{"accepted_providers":[]}}']
)
def test_malformed_requests_are_400(kick: Kick, body: bytes) -> None:
    assert ask(kick, "connection", data=body).status_code == 400
    assert ask(kick, "auth/connection", data=body).status_code == 400


def test_cloudflare_block_is_403(kick: Kick) -> None:
    kick.driver.fault(feed__refuse=True)
    for answer in (negotiate(kick, "centrifugo"), ask(kick, "auth/connection", json={})):
        assert answer.status_code == 403
        assert "text/html" in answer.headers["Content-Type"]


@pytest.mark.parametrize(("origin", "status"), [("https://kick.com", 200), ("https://x.com", 403)])
def test_requests_from_other_sites_are_rejected(kick: Kick, origin: str, status: int) -> None:
    assert negotiate(kick, "centrifugo", headers={"Origin": origin}).status_code == status


def test_token_is_a_jwt_per_client(kick: Kick) -> None:
    client_id = str(uuid.uuid4())
    first, second = guest_token(kick, client_id), guest_token(kick)
    assert first.count(".") == 2
    assert first != second
