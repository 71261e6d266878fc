"""Kick's HTTP interface against the fake Kick, and against invalid responses."""

import re
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from typing import Any

import pytest
from pytest_httpserver import HTTPServer
from werkzeug import Request, Response

from core.kick.client import KickClient, Subscription, User, client_of
from core.kick.wire import KickRejected
from core.kit.errors import Outage
from core.kit.runtime import wire
from core.kit.runtime.wire import NoAnswer
from sandbox.kick.driver import KickDriver
from sandbox.serve import Sandbox
from tests.kick.rig import NORA, VERA, settings

CHAT, STATUS = "chat.message.sent", "livestream.status.updated"


def client_for(env: dict[str, str], **differs: Any) -> KickClient:
    """A client whose Kick is where the sandbox says."""
    values = {name.lower(): value for name, value in env.items() if name.startswith("KICK_")}
    return KickClient(settings(**values | differs))


@pytest.fixture
def client(pretend: Sandbox) -> KickClient:
    return client_for(pretend.env)


@pytest.fixture
def token(pretend: Sandbox) -> str:
    """The token of the account that answers in chat."""
    return pretend.env["KICK_BOT_USER_TOKEN"]


# -- what can be asked --------------------------------------------------------------------------


def test_public_key_is_fetched_without_a_token(client: KickClient, kick: KickDriver) -> None:
    assert client.public_key().startswith("-----BEGIN PUBLIC KEY-----")
    assert kick.rotate_key() == client.public_key()


def test_channel_is_found_by_slug(client: KickClient) -> None:
    assert client.find_channel("noraplays") == (NORA, "noraplays")
    assert client.find_channel("tomas-tv") == (4_100_002, "tomas-tv")
    assert client.find_channel("nobody-of-this-name") is None


def test_live_stream_is_returned_with_its_start(client: KickClient, kick: KickDriver) -> None:
    assert client.list_live([NORA, VERA]) == []
    started_at = kick.live(title="Slots & chill", started_at="2026-11-20T18:00:00Z")
    (live,) = client.list_live([NORA, VERA])
    assert (live.broadcaster_user_id, live.title) == (NORA, "Slots & chill")
    assert started_at == "2026-11-20T18:00:00Z"
    assert live.started_at == datetime(2026, 11, 20, 18, tzinfo=UTC)
    kick.offline()
    assert client.list_live([NORA]) == []


def test_subscriptions_are_created_and_listed_by_channel(client: KickClient) -> None:
    assert client.list_subscriptions() == []
    made, errors = client.subscribe(NORA, [CHAT, STATUS])
    assert (list(made), errors) == ([CHAT, STATUS], {})
    theirs, _errors = client.subscribe(VERA, [CHAT])
    listed = client.list_subscriptions(NORA)
    assert listed == [Subscription(id, NORA, kind) for kind, id in made.items()]
    assert client.list_subscriptions(VERA) == [Subscription(theirs[CHAT], VERA, CHAT)]
    assert client.list_subscriptions() == listed + client.list_subscriptions(VERA)


def test_only_given_subscriptions_are_deleted(client: KickClient) -> None:
    made, _errors = client.subscribe(NORA, [CHAT, STATUS, "kicks.gifted"])
    client.unsubscribe([made[CHAT], made["kicks.gifted"]])
    assert [subscription.id for subscription in client.list_subscriptions()] == [made[STATUS]]


def test_other_event_versions_are_other_kinds(httpserver: HTTPServer) -> None:
    give_token(httpserver)
    item = {"id": "01J", "broadcaster_user_id": NORA, "event": CHAT, "version": 2}
    httpserver.expect_request("/public/v1/events/subscriptions").respond_with_json({"data": [item]})
    (found,) = canned(httpserver).list_subscriptions()
    assert found.kind == f"{CHAT} (version 2)"


def test_rejected_subscriptions_carry_kicks_message(client: KickClient, kick: KickDriver) -> None:
    kick.fault(subscriptions__item_error=1)
    made, errors = client.subscribe(NORA, [CHAT, STATUS])
    assert (list(made), list(errors)) == ([STATUS], [CHAT])
    assert errors[CHAT]
    assert [subscription.kind for subscription in client.list_subscriptions(NORA)] == [STATUS]


def test_account_of_returns_the_token_owner(client: KickClient, token: str) -> None:
    account = client.account_of(token)
    assert isinstance(account, User)
    assert account.kick_user_id > 0
    with pytest.raises(KickRejected) as rejected:
        client.account_of("worthless")
    assert rejected.value.status == 401


def test_chat_message_is_sent_as_a_reply(client: KickClient, kick: KickDriver, token: str) -> None:
    asked = kick.chat("mia", "!call Book of Dead")
    said = client.send_chat(token, NORA, "It is on the list. 🎰", asked)
    line = kick.transcript()[-1]
    assert line["text"] == "It is on the list. 🎰"
    assert line["reply_to"]
    assert line["by_bot"]
    assert said in str(line)


def test_recent_chat_messages_are_listed(client: KickClient, kick: KickDriver, token: str) -> None:
    first = kick.chat("mia", "hello")
    second = client.send_chat(token, NORA, "hi", None)
    lines = {line.message_id: line for line in client.list_recent_lines("noraplays")}
    assert set(lines) == {first, second}
    assert lines[second].text == "hi"
    assert lines[second].sender_id == client.account_of(token).kick_user_id
    assert lines[first].at.tzinfo is UTC


# -- what can go wrong: the shapes that Kick's errors have ------------------------------------


@pytest.mark.parametrize(
    ("fault", "expected", "words"),
    [
        ({"api.500": 1}, Outage, "HTTP 500"),
        ({"api.429": 1}, Outage, "HTTP 429"),
        ({"api.cloudflare_403": 1}, Outage, "HTTP 403"),
        ({"api.html_error": 1}, Outage, "HTTP 502"),
    ],
)
def test_temporary_errors_are_outages(
    client: KickClient,
    kick: KickDriver,
    fault: dict[str, Any],
    expected: type[Exception],
    words: str,
) -> None:
    kick.faults({f"kick.{name}": value for name, value in fault.items()})
    with pytest.raises(expected, match=words):
        client.list_subscriptions(NORA)
    assert client.list_subscriptions(NORA) == []


def test_retry_after_is_passed_on(client: KickClient, kick: KickDriver) -> None:
    kick.faults({"kick.api.429": 1, "kick.api.retry_after_s": 7})
    with pytest.raises(Outage) as outage:
        client.list_live([NORA])
    assert outage.value.retry_after == 7
    kick.faults({"kick.api.429": 1, "kick.api.retry_after_s": 10**9})
    with pytest.raises(Outage) as outage:
        client.list_live([NORA])
    assert outage.value.retry_after == wire.MAX_WAIT_SECONDS
    kick.faults({"kick.api.429": 1, "kick.api.retry_after_s": 0})
    with pytest.raises(Outage) as outage:
        client.list_live([NORA])
    assert outage.value.retry_after is None


@pytest.mark.parametrize("empty_object", [False, True])
def test_rejection_carries_its_message(
    client: KickClient, kick: KickDriver, empty_object: bool
) -> None:
    kick.faults({"kick.api.empty_object_errors": empty_object})
    with pytest.raises(KickRejected, match="Unauthorized") as rejected:
        client.account_of("worthless")
    assert (rejected.value.status, rejected.value.reason) == (401, "Unauthorized")


def test_rejection_carries_its_reason(client: KickClient, kick: KickDriver, token: str) -> None:
    kick.fault(chat__quota=1)
    with pytest.raises(KickRejected, match="quota") as rejected:
        client.send_chat(token, NORA, "hello", None)
    assert rejected.value.status == 400
    assert kick.transcript() == []


@pytest.mark.parametrize(
    ("answer", "reason"),
    [
        (Response('{"error": "invalid_grant", "error_description": "gone"}', 400), "gone"),
        (Response('{"error": "Invalid request"}', 400), "Invalid request"),
        (Response('{"data": {}, "message": "Not Found"}', 404), "Not Found"),
        (Response('{"data": "limit reached", "message": "Bad request"}', 400), "limit reached"),
        (Response("[]", 400), "no reason given"),
        (Response("<html>", 404), "no reason given"),
        (Response("", 418), "no reason given"),
    ],
)
def test_every_error_shape_has_a_reason(
    httpserver: HTTPServer, answer: Response, reason: str
) -> None:
    httpserver.expect_request("/public/v1/users").respond_with_response(answer)
    with pytest.raises(KickRejected) as rejected:
        canned(httpserver).account_of("token")
    assert rejected.value.reason == reason


def canned(server: HTTPServer) -> KickClient:
    """A client of a Kick that answers what the test says."""
    url = server.url_for("").rstrip("/")
    return KickClient(
        settings(
            kick_api_url=url,
            kick_auth_url=url,
            kick_site_url=url,
            kick_client_id="id",
            kick_client_secret="a-secret",
        )
    )


def give_token(server: HTTPServer, expires_in: object = 5_184_000) -> None:
    answer = {"access_token": "app-token", "token_type": "Bearer", "expires_in": expires_in}
    server.expect_request("/oauth/token", method="POST").respond_with_json(answer)


ODD = ["", "<html>", "[]", "null", "{}", '{"data": 7}', '{"data": [7]}', '{"data": [{}]}', '"x"']


@pytest.mark.parametrize("body", ODD)
@pytest.mark.parametrize(
    "ask",
    [
        lambda client: client.public_key(),
        lambda client: client.find_channel("noraplays"),
        lambda client: client.list_live([NORA]),
        lambda client: client.list_subscriptions(NORA),
        lambda client: client.subscribe(NORA, [CHAT]),
        lambda client: client.account_of("token"),
        lambda client: client.list_recent_lines("noraplays"),
    ],
    ids=["key", "channel", "live", "subscribed", "subscribe", "account", "lines"],
)
def test_unexpected_response_shape_is_an_outage(
    httpserver: HTTPServer, body: str, ask: Callable[[KickClient], object]
) -> None:
    give_token(httpserver)
    httpserver.expect_request(re.compile("/(public|api)/.*")).respond_with_data(body)
    with pytest.raises(Outage, match="Kick is not answering"):
        if ask(canned(httpserver)) == {}:  # who declines nothing has said so
            raise Outage("Kick")


def test_token_response_without_token_is_an_outage(httpserver: HTTPServer) -> None:
    httpserver.expect_request("/oauth/token").respond_with_json({"token_type": "Bearer"})
    with pytest.raises(Outage, match="documents"):
        canned(httpserver).list_subscriptions(NORA)


# -- the app's own token ------------------------------------------------------------------------


def minted(server: HTTPServer) -> int:
    return sum(request.path == "/oauth/token" for request, _ in server.log)


@pytest.mark.parametrize("expires_in", [5_184_000, "5184000"])
def test_app_token_is_requested_once(httpserver: HTTPServer, expires_in: object) -> None:
    give_token(httpserver, expires_in)
    httpserver.expect_request(
        "/public/v1/events/subscriptions", headers={"Authorization": "Bearer app-token"}
    ).respond_with_json({"data": []})
    client = canned(httpserver)
    for _ in range(3):
        assert client.list_subscriptions(NORA) == []
    assert minted(httpserver) == 1
    form = next(request.form for request, _ in httpserver.log if request.path == "/oauth/token")
    assert dict(form) == {
        "grant_type": "client_credentials",
        "client_id": "id",
        "client_secret": "a-secret",
    }


def test_expiring_token_is_replaced(httpserver: HTTPServer) -> None:
    give_token(httpserver, expires_in=59)
    httpserver.expect_request("/public/v1/events/subscriptions").respond_with_json({"data": []})
    client = canned(httpserver)
    for _ in range(2):
        client.list_subscriptions(NORA)
    assert minted(httpserver) == 2


def test_rejected_token_is_replaced_once(httpserver: HTTPServer) -> None:
    give_token(httpserver)
    httpserver.expect_request("/public/v1/events/subscriptions").respond_with_data("{}", 401)
    with pytest.raises(KickRejected):
        canned(httpserver).list_subscriptions(NORA)
    assert minted(httpserver) == 2


def test_request_succeeds_after_the_token_was_revoked(client: KickClient, kick: KickDriver) -> None:
    client.subscribe(NORA, [CHAT])
    kick.tokens("expire_access")
    assert [subscription.kind for subscription in client.list_subscriptions(NORA)] == [CHAT]
    kick.fault(api__401=1)
    assert [one.kind for one in client.list_subscriptions(NORA)] == [CHAT]


@pytest.mark.parametrize("missing", ["kick_client_id", "kick_client_secret"])
def test_missing_app_credentials_name_the_settings(pretend: Sandbox, missing: str) -> None:
    client = client_for(pretend.env, **{missing: None})
    with pytest.raises(KickRejected, match="KICK_CLIENT_ID and KICK_CLIENT_SECRET"):
        client.list_subscriptions(NORA)


def test_client_is_shared_per_settings() -> None:
    assert client_of(settings()) is client_of(settings())
    assert client_of(settings()) is not client_of(settings(kick_client_id="another"))


# -- lines that may or may not have been said ---------------------------------------------------


def test_lost_chat_reply_raises_no_answer(client: KickClient, kick: KickDriver, token: str) -> None:
    kick.fault(chat__lost_reply=1)
    with pytest.raises(NoAnswer):
        client.send_chat(token, NORA, "hello", None)
    assert [line["text"] for line in kick.transcript()] == ["hello"]


def test_unsent_chat_message_is_an_outage(client: KickClient, kick: KickDriver, token: str) -> None:
    kick.fault(chat__is_sent_false=1)
    with pytest.raises(Outage, match="is_sent") as raised:
        client.send_chat(token, NORA, "hello", None)
    assert raised.type is Outage
    assert kick.transcript() == []


@pytest.mark.parametrize(
    ("status", "body", "expected"),
    [
        (200, "", NoAnswer),
        (200, "<html>", NoAnswer),
        (200, '{"data": null}', NoAnswer),
        (200, '{"data": []}', NoAnswer),
        (200, "[]", NoAnswer),
        (504, "<html>gateway timeout", NoAnswer),
        (524, "a timeout occurred", NoAnswer),
        (500, "{}", Outage),
        (503, "{}", Outage),
        (429, "{}", Outage),
        (403, "<html>", Outage),
        (403, '{"data": null, "message": "Forbidden"}', KickRejected),
        (401, "{}", KickRejected),
    ],
)
def test_only_uninformative_replies_raise_no_answer(
    httpserver: HTTPServer, status: int, body: str, expected: type[Exception]
) -> None:
    httpserver.expect_request("/public/v1/chat").respond_with_data(body, status)
    with pytest.raises(expected) as raised:
        canned(httpserver).send_chat("token", NORA, "hello", None)
    assert raised.type is expected


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "TIMEOUT", (0.2, 0.2))


@pytest.mark.usefixtures("impatient")
def test_chat_timeout_after_sending_raises_no_answer(
    client: KickClient, kick: KickDriver, token: str
) -> None:
    kick.fault(api__slow_ms=600)
    with pytest.raises(NoAnswer):
        client.send_chat(token, NORA, "hello", None)
    with pytest.raises(Outage, match="no answer in time"):
        client.public_key()


@pytest.fixture
def talks(request: pytest.FixtureRequest) -> Iterator[int]:
    """The port of a server that reads a request, sends these bytes and hangs up."""
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer() -> None:
            connection, _ = listening.accept()
            with connection:
                connection.recv(65_536)
                connection.sendall(request.param)

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        yield listening.getsockname()[1]
        thread.join(2)


@pytest.mark.parametrize(
    "talks",
    [
        b"",
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"garbage\r\n\r\n",
    ],
    ids=["nothing", "half a body", "half a chunk", "garbage"],
    indirect=True,
)
def test_truncated_chat_reply_raises_no_answer(talks: int) -> None:
    client = KickClient(settings(kick_api_url=f"http://127.0.0.1:{talks}"))
    with pytest.raises(NoAnswer):
        client.send_chat("token", NORA, "hello", None)


def test_refused_connection_is_an_outage() -> None:
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    client = KickClient(settings(kick_api_url=f"http://127.0.0.1:{port}"))
    with pytest.raises(Outage) as raised:
        client.send_chat("token", NORA, "hello", None)
    assert raised.type is Outage


def test_unresolved_host_is_an_outage(monkeypatch: pytest.MonkeyPatch) -> None:
    def unknown(*_arguments: object, **_more: object) -> None:
        raise socket.gaierror(-2, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)
    client = KickClient(settings(kick_api_url="http://kick.invalid"))
    with pytest.raises(Outage):
        client.send_chat("token", NORA, "hello", None)


@pytest.mark.usefixtures("impatient")
def test_connection_timeout_is_an_outage() -> None:
    with socket.create_server(("127.0.0.1", 0), backlog=0) as full:
        address = full.getsockname()
        waiting = [socket.socket() for _ in range(4)]
        for one in waiting:  # the queue of a server that accepts nobody
            one.setblocking(False)
            one.connect_ex(address)
        client = KickClient(settings(kick_api_url=f"http://127.0.0.1:{address[1]}"))
        with pytest.raises(Outage):
            client.send_chat("token", NORA, "hello", None)
        for one in waiting:
            one.close()


def test_chat_message_is_posted_exactly_once(httpserver: HTTPServer) -> None:
    """There is no key that would make a repetition harmless, so nothing below us may retry."""
    asked: list[Request] = []

    def fail(request: Request) -> Response:
        asked.append(request)
        return Response("away", 503)

    httpserver.expect_request("/public/v1/chat").respond_with_handler(fail)
    with pytest.raises(Outage):
        canned(httpserver).send_chat("token", NORA, "hello", "message-1")
    (request,) = asked
    assert request.json == {
        "type": "user",
        "content": "hello",
        "broadcaster_user_id": NORA,
        "reply_to_message_id": "message-1",
    }
    assert request.headers["Authorization"] == "Bearer token"
    assert request.headers["User-Agent"] == wire.USER_AGENT
