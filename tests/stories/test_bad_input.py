"""Bad input gets a documented response and a counter, without tracebacks or other effects."""

import hmac
import json
import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import uuid4

import pytest
import requests
from pydantic import SecretStr

from core.kit.runtime.settings import Settings
from core.twitch.eventsub.reconcile import secret_of
from sandbox.kick.signing import SigningKey
from tests.patience import PATIENCE, until
from tests.stories.product import Product
from tests.stories.stage import GUILD, Stage, open_stage, title
from tests.stories.stream import wait_settled
from tests.stories.webhooks import NORA, WebhookSender, chat, instant

Headers = dict[str, str]
Spoil = Callable[[Headers, SigningKey], object]
"""Changes the headers of a delivery that was in order, or leaves one out."""

STAMPS = ("Message-Id", "Message-Timestamp", "Signature", "Type")
THREADS = 4
VERAS_DEN = 1_100_000_000_000_000_500


@pytest.fixture(scope="module")
def stage(
    tmp_path_factory: pytest.TempPathFactory, postgres_url: str, signing_key: SigningKey
) -> Iterator[Stage]:
    """One product for all tests of this file; its log is read at the end."""
    folder = tmp_path_factory.mktemp("bad_input")
    with open_stage(folder, postgres_url, signing_key, LOG_LEVEL="INFO") as opened:
        opened.start(WEB_THREADS=str(THREADS)).wait_well()
        opened.wait_subscribed()
        yield opened
        log = opened.product.log()
    assert "[error" not in log


@pytest.fixture(scope="module")
def product(stage: Stage) -> Product:
    return stage.product


@pytest.fixture(scope="module")
def sender(stage: Stage, product: Product) -> WebhookSender:
    return WebhookSender(product.url, stage.key)


class Ledger:
    """What the product has counted and stored, to see that a delivery changed just one count."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._before = self._look()

    def assert_only(self, outcome: str) -> None:
        """One more of this outcome, nothing stored, nothing posted."""
        counts, rows, posts = self._look()
        counts_before, rows_before, posts_before = self._before
        label = f'{{outcome="{outcome}"}}'
        assert counts == {**counts_before, label: counts_before.get(label, 0) + 1}
        assert (rows, posts) == (rows_before, posts_before)

    def _look(self) -> tuple[dict[str, float], int, int]:
        stage = self._stage
        rows = stage.scalar("SELECT count(*) FROM inbox_deliveries WHERE source = 'kick.webhook'")
        return stage.product.metrics("kick_webhooks_total"), rows, len(stage.posts())


@pytest.fixture
def ledger(stage: Stage) -> Ledger:
    return quiet_ledger(stage)


def quiet_ledger(stage: Stage) -> Ledger:
    """Once all that came before has had its effects: what the bot said in Kick's chat is told by
    webhook, too."""
    wait_settled(stage)
    stage.kick.settle()
    wait_settled(stage)
    return Ledger(stage)


# -- the envelope -----------------------------------------------------------------------------


def without(name: str) -> Spoil:
    return lambda headers, _key: headers.pop(f"Kick-Event-{name}")


def with_(**changes: str) -> Spoil:
    named = {key.replace("_", "-"): value for key, value in changes.items()}
    return lambda headers, _key: headers.update(named)


def signed_by_a_stranger(headers: Headers, _key: SigningKey) -> None:
    stranger = SigningKey()
    parts = headers["Kick-Event-Message-Id"], headers["Kick-Event-Message-Timestamp"]
    headers["Kick-Event-Signature"] = stranger.sign(*parts, json.dumps(BODY).encode())


BODY = chat("!call Forged")

ENVELOPES: dict[str, tuple[Spoil, int, str]] = {
    **{f"no {name}": (without(name), 400, "missing_header") for name in STAMPS},
    "empty signature": (with_(Kick_Event_Signature=""), 400, "missing_header"),
    "not base64": (with_(Kick_Event_Signature="?"), 401, "bad_signature"),
    "not a signature": (with_(Kick_Event_Signature="AAAA"), 401, "bad_signature"),
    "a stranger's": (signed_by_a_stranger, 401, "bad_signature"),
    "another id": (with_(Kick_Event_Message_Id="01J00000000000000000000000"), 401, "bad_signature"),
    "another time": (
        with_(Kick_Event_Message_Timestamp=instant(timedelta(hours=1))),
        401,
        "bad_signature",
    ),
    "endless id": (with_(Kick_Event_Message_Id="x" * 2000), 400, "missing_header"),
    "a form": (with_(Content_Type="application/x-www-form-urlencoded"), 415, "not_json"),
    "plain text": (with_(Content_Type="text/plain"), 415, "not_json"),
    "no type at all": (lambda h, _: h.pop("Content-Type"), 415, "not_json"),
}


@pytest.mark.parametrize("case", ENVELOPES)
def test_malformed_envelope_is_rejected(sender: WebhookSender, ledger: Ledger, case: str) -> None:
    spoil, status, outcome = ENVELOPES[case]
    raw = json.dumps(BODY).encode()
    headers = sender.headers(raw, at=instant(timedelta(seconds=7)))
    spoil(headers, sender.key)
    answer = sender.post(raw, headers)
    assert answer.status_code == status
    assert answer.json()["error"]
    ledger.assert_only(outcome)


@pytest.mark.parametrize(
    ("at", "status", "outcome"),
    [
        (timedelta(hours=25), 403, "stale"),
        ("yesterday", 400, "bad_timestamp"),
        ("2026-11-21T08:00:00", 400, "bad_timestamp"),
        ("0001-01-01T00:00:00+23:59", 400, "bad_timestamp"),
    ],
    ids=["too old", "no instant", "no offset", "before time"],
)
def test_valid_signature_with_stale_or_invalid_timestamp_is_rejected(
    sender: WebhookSender, ledger: Ledger, at: timedelta | str, status: int, outcome: str
) -> None:
    stamp = at if isinstance(at, str) else instant(at)
    assert sender.deliver(chat("!call Yesterday"), at=stamp).status_code == status
    ledger.assert_only(outcome)


def test_late_delivery_within_a_day_is_stored(stage: Stage, sender: WebhookSender) -> None:
    answer = sender.deliver(chat("late, but true"), at=instant(timedelta(hours=23)))
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})


def test_delivery_with_future_timestamp_is_stored(sender: WebhookSender) -> None:
    """Then our clock is behind."""
    answer = sender.deliver(chat("early, but true"), at=instant(-timedelta(hours=1)))
    assert (answer.status_code, answer.json()) == (200, {"status": "stored"})


def test_replayed_delivery_changes_nothing(stage: Stage, sender: WebhookSender) -> None:
    raw = json.dumps(chat("!call Once Only", sender=_stranger(1))).encode()
    headers = sender.headers(raw)
    assert sender.post(raw, headers).json() == {"status": "stored"}
    stage.post_about("Once Only")
    ledger = quiet_ledger(stage)
    assert sender.post(raw, headers).json() == {"status": "seen"}
    ledger.assert_only("seen")


def _stranger(number: int, name: str = "stranger") -> dict[str, object]:
    """Somebody who has no cooldown yet."""
    return {"user_id": 5_000_000 + number, "username": name, "identity": None}


# -- the letter -------------------------------------------------------------------------------

LIVE = {"broadcaster": {"user_id": NORA}, "is_live": True, "started_at": instant()}
HUGE = chat("x" * 1_000_001)
UNSTORABLE = b'{"extra": %s, ' + json.dumps(chat("!call Unstorable"))[1:].encode()

LETTERS: dict[str, tuple[object, str, int, str]] = {
    "not JSON": (b"{", "chat.message.sent", 400, "bad_json"),
    "nothing": (b"", "chat.message.sent", 400, "bad_json"),
    "not UTF-8": (b'{"a": "\xff"}', "chat.message.sent", 400, "bad_json"),
    "an endless number": (b'{"a": ' + b"9" * 5000 + b"}", "chat.message.sent", 400, "bad_json"),
    "nested objects": (b'{"a":' * 50_000, "chat.message.sent", 400, "bad_json"),
    "nested lists": (b"[" * 200_000, "chat.message.sent", 400, "bad_json"),
    "deep, but whole": (
        b'{"a":' * 900 + b"1" + b"}" * 900,
        "chat.message.sent",
        422,
        "wrong_shape",
    ),
    "a list": ([BODY], "chat.message.sent", 422, "wrong_shape"),
    "null": (None, "chat.message.sent", 422, "wrong_shape"),
    "empty": ({}, "chat.message.sent", 422, "wrong_shape"),
    "relabelled": (BODY, "livestream.status.updated", 422, "wrong_shape"),
    "relabelled back": (LIVE, "chat.message.sent", 422, "wrong_shape"),
    "nobody's": (chat("!call X", sender=None), "chat.message.sent", 422, "wrong_shape"),
    "a negative id": (
        chat("x", sender=_stranger(-9_000_000)),
        "chat.message.sent",
        422,
        "wrong_shape",
    ),
    "a huge id": (chat("x", sender=_stranger(10**30)), "chat.message.sent", 422, "wrong_shape"),
    "no time": (chat("x", created_at="soon"), "chat.message.sent", 422, "wrong_shape"),
    "before time": (
        chat("x", created_at="0001-01-01T00:00:00+23:59"),
        "chat.message.sent",
        422,
        "wrong_shape",
    ),
    "not a number": (UNSTORABLE % b"NaN", "chat.message.sent", 400, "bad_json"),
    "infinite": (UNSTORABLE % b"1e999", "chat.message.sent", 400, "bad_json"),
    "another channel": (
        chat("!call X", broadcaster={"user_id": 77}),
        "chat.message.sent",
        404,
        "unknown_channel",
    ),
    "of a later version": ({"a": 1}, "channel.raided", 200, "ignored"),
    "unheard of": ({"a": 1}, "no.such.event", 200, "ignored"),
}


@pytest.mark.parametrize("case", LETTERS)
def test_malformed_body_is_rejected(sender: WebhookSender, ledger: Ledger, case: str) -> None:
    body, kind, status, outcome = LETTERS[case]
    answer = sender.deliver(body, kind=kind)
    assert answer.status_code == status, answer.text
    ledger.assert_only(outcome)


def test_oversized_body_with_content_length_is_rejected(
    sender: WebhookSender, ledger: Ledger
) -> None:
    assert sender.deliver(HUGE).status_code == 413
    ledger.assert_only("too_large")


def test_oversized_chunked_body_is_rejected(sender: WebhookSender, ledger: Ledger) -> None:
    raw = json.dumps(HUGE).encode()
    chunks = (raw[start : start + 65_536] for start in range(0, len(raw), 65_536))
    assert sender.post(chunks, sender.headers(raw)).status_code == 413
    ledger.assert_only("too_large")


def test_wrong_content_length_does_not_block_other_requests(
    product: Product, sender: WebhookSender
) -> None:
    """More senders than there are threads announce more than they send, and wait. They come first:
    connections are accepted in the order in which they were made."""
    raw = b'{"half": '
    headers = {**sender.headers(raw), "Host": "x", "Content-Length": "900000"}
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with ExitStack() as stack:
        for _ in range(2 * THREADS):
            waiting = socket.create_connection(("127.0.0.1", product.port))
            stack.enter_context(waiting)
            waiting.sendall(f"POST /webhooks/kick HTTP/1.1\r\n{lines}\r\n".encode() + raw)
        assert sender.deliver(chat("me first")).json() == {"status": "stored"}
        assert product.health()[0] == 200


@pytest.mark.parametrize("method", ["get", "put", "delete"])
def test_other_methods_are_not_allowed(product: Product, method: str) -> None:
    answer = requests.request(method, f"{product.url}/webhooks/kick", timeout=PATIENCE)
    assert answer.status_code == 405


# -- chat text is data ------------------------------------------------------------------------


def test_five_hundred_emoji_are_accepted(stage: Stage, sender: WebhookSender) -> None:
    body = chat("🎰" * 500, sender=_stranger(2, "emoji🎉fan"))
    assert sender.deliver(body).json() == {"status": "stored"}
    until(lambda: _state(stage, body["message_id"]) == "done", "the emoji being handled")


def test_call_of_only_emoji_is_rejected_as_too_long(stage: Stage) -> None:
    stage.kick.account("rocket", "RocketFan")
    stage.kick.chat("rocket", "!call " + "🚀" * 494)
    reply = stage.kick.wait_for_line("@RocketFan That name is too long")
    assert reply["by_bot"]


@pytest.mark.parametrize(
    ("number", "text"),
    [(3, "a\x00b"), (4, "\ud83c"), (5, "\u202egnp.exe"), (6, "😀\ufe0f\u200d")],
    ids=["nul", "half a character", "right to left", "joiners"],
)
def test_strange_characters_are_stored_or_refused(
    stage: Stage, sender: WebhookSender, number: int, text: str
) -> None:
    body = chat(f"!call Odd{number} {text}", sender=_stranger(number))
    answer = sender.deliver(body)
    assert answer.status_code == 200, answer.text
    stage.post_about(f"Odd{number}")


def test_markdown_and_mentions_are_harmless(stage: Stage) -> None:
    stage.kick.account("evil", "__evil__")
    stage.kick.chat("evil", "!call **Big** @everyone <@310000000000000003> [x](http://a.b)")
    post = stage.post_about("Big")
    embed, said = post["embeds"][0], json.dumps(post["embeds"])
    assert embed["title"].startswith(r"🎰 \*\*Big\*\*")
    assert "@everyone" not in said
    assert "<@310000000000000003>" not in said
    assert r"\[x](http" in embed["title"] or r"\[x\]" in embed["title"]
    assert "**__evil__**" not in embed["description"]
    assert post["content"] == ""
    raw = next(m for m in _messages(stage) if m["id"] == post["message_id"])
    assert raw["mention_everyone"] is False
    assert raw["mentions"] == []


def _messages(stage: Stage) -> list[dict[str, object]]:
    guilds = stage.discord.state()["guilds"]
    channels = next(g for g in guilds if g["id"] == str(GUILD))["channels"]
    return [message for channel in channels for message in channel["messages"]]


def test_messages_with_extreme_dates_do_not_break_intake(
    stage: Stage, sender: WebhookSender
) -> None:
    for at in ("9999-12-31T23:59:59Z", "0001-01-01T00:00:00Z"):
        body = chat("where am I", created_at=at, sender=_stranger(7))
        assert sender.deliver(body).status_code in (200, 422)
    body = chat("!call Back to Now", sender=_stranger(8))
    assert sender.deliver(body).status_code == 200
    stage.post_about("Back to Now")
    assert stage.scalar("SELECT count(*) FROM inbox_retries") == 0


def _state(stage: Stage, message_id: str) -> str | None:
    found: str | None = stage.scalar(
        "SELECT state FROM inbox_deliveries WHERE body->>'message_id' = :id", id=message_id
    )
    return found


# -- the same from Twitch ---------------------------------------------------------------------

TWITCH = {
    "forged": ({"Signature": "sha256=" + "0" * 64}, None, 403, "bad_signature"),
    "too old": ({"Timestamp": "2026-01-01T00:00:00.000000123Z"}, None, 403, "stale"),
    "no instant": ({"Timestamp": "yesterday"}, None, 400, "bad_timestamp"),
    "no id": ({"Id": ""}, None, 400, "missing_header"),
    "not JSON": ({}, b"{", 400, "bad_json"),
    "nested lists": ({}, b"[" * 200_000, 400, "bad_json"),
    "a list": ({}, b"[]", 422, "wrong_shape"),
    "no subscription": ({}, b"{}", 422, "wrong_shape"),
    "no event": (
        {},
        b'{"subscription": {"type": "channel.cheer"}, "event": 1}',
        422,
        "wrong_shape",
    ),
    "unheard of": ({}, b'{"subscription": {"type": "no.such"}, "event": {}}', 200, "ignored"),
}


@pytest.mark.parametrize("case", TWITCH)
def test_malformed_notification_of_twitch_is_rejected(
    stage: Stage, product: Product, case: str
) -> None:
    changes, raw, status, outcome = TWITCH[case]
    raw = raw or b'{"subscription": {"type": "channel.cheer"}, "event": {}}'
    counted, label = "twitch_webhooks_total", f'{{outcome="{outcome}"}}'
    before = product.metrics(counted).get(label, 0)
    answer = requests.post(
        f"{product.url}/webhooks/twitch",
        data=raw,
        headers=signed_by_twitch(raw, changes, stage.settings["FLASK_SECRET_KEY"]),
        timeout=PATIENCE,
    )
    assert answer.status_code == status, answer.text
    assert product.metrics(counted)[label] == before + 1
    rows = "SELECT count(*) FROM inbox_deliveries WHERE source = 'twitch.webhook'"
    assert stage.scalar(rows) == 0


def signed_by_twitch(raw: bytes, changes: Headers, installation_key: str) -> Headers:
    """The headers of a notification that is in order, but for the changes, which are signed."""
    stamps = {
        "Id": str(uuid4()),
        "Timestamp": datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f") + "123Z",
        **changes,
    }
    secret = secret_of(Settings(_env_file=None, flask_secret_key=SecretStr(installation_key)))
    signed = (stamps["Id"] + stamps["Timestamp"]).encode() + raw
    digest = hmac.new(secret.encode(), signed, "sha256").hexdigest()
    stamps = {"Type": "notification", "Signature": f"sha256={digest}", **stamps}
    return {f"Twitch-Eventsub-Message-{name}": value for name, value in stamps.items()}


# -- and nobody else notices ------------------------------------------------------------------


def test_delivery_for_another_channel_does_not_affect_the_other_server(
    stage: Stage, sender: WebhookSender
) -> None:
    vera = chat("!call Not Hers", broadcaster={"user_id": 4_100_007})
    assert sender.deliver(vera).status_code == 404
    assert stage.discord.transcript("slot-calls", guild="Vera's Den") == []
    count = "SELECT count(*) FROM people_viewers WHERE guild_id = :guild"
    assert stage.scalar(count, guild=VERAS_DEN) == 0


def test_product_is_healthy_after_bad_input(stage: Stage, product: Product) -> None:
    stage.kick.account("last", "LastOne")
    stage.kick.chat("last", "!call Still Here")
    assert title(stage.post_about("Still Here")) == "🎰 Still Here"
    assert product.health()[0] == 200


def test_clients_with_unfinished_requests_do_not_block_others(
    tmp_path: Path, postgres_url: str, signing_key: SigningKey
) -> None:
    """More of them than there are threads."""
    with ExitStack() as stack:
        stage = stack.enter_context(open_stage(tmp_path, postgres_url, signing_key))
        product = stage.start(WEB_THREADS="4")
        product.wait_well()
        head = b"POST /webhooks/kick HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        for rest in [b"Content-Le", b"Content-Length: 100\r\n\r\n{"] * 4:
            client = stack.enter_context(socket.create_connection(("127.0.0.1", stage.port)))
            client.sendall(head + rest)
        stage.wait_subscribed()
        stage.kick.chat("mia", "still here?")
        until(
            lambda: stage.scalar(
                "SELECT count(*) FROM inbox_events WHERE event = 'ChatMessageSent'"
            ),
            "the line in the inbox",
        )
