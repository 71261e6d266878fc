"""Requests to the fake Shuffle, with all its faults."""

from collections.abc import Iterator
from decimal import Decimal
from typing import Any

import pytest
from pytest_httpserver import HTTPServer

from core.kit.affiliate import AffiliatePlatform
from core.kit.errors import Outage, StartError
from core.kit.runtime.settings import read_settings
from core.shuffle.client import ShuffleClient
from sandbox.serve import Sandbox, on_thread
from sandbox.shuffle import ShuffleDriver
from tests.kick.rig import NOON, settings
from tests.sandbox.kick_harness import KEY


@pytest.fixture(scope="module")
def pretend() -> Iterator[Sandbox]:
    with on_thread(signing_key=KEY) as sandbox:
        yield sandbox


@pytest.fixture
def client(pretend: Sandbox) -> AffiliatePlatform:
    return ShuffleClient(settings(shuffle_affiliate_url=pretend.env["SHUFFLE_AFFILIATE_URL"]))


@pytest.fixture
def shuffle(pretend: Sandbox) -> Iterator[ShuffleDriver]:
    """Our hands on it; everything is well again afterwards."""
    driver = ShuffleDriver(pretend.base_url)
    yield driver
    driver.reset_faults()


def test_totals_are_exact(shuffle: ShuffleDriver, client: AffiliatePlatform) -> None:
    shuffle.player("Fine", "0.1")
    shuffle.wager("Fine", "0.2")
    told = client.ask(NOON)
    assert told.asked_at == NOON
    assert told.find_total("nora", "fine") == Decimal("0.3")
    assert told.find_total("NORA", "MiaSpins") == Decimal("1250.5")
    assert told.find_total("NORA", "ZedElsewhere") is None
    assert told.find_total("OTHER", "ZedElsewhere") == Decimal("31000.25")


@pytest.mark.parametrize(
    ("fault", "reason", "wait"),
    [
        ({"down": True}, "HTTP 503", None),
        ({"busy_s": 17}, "too many requests", 17),
        ({"busy_object": True}, "TOO_MANY_REQUEST", 60),
        ({"error_object": True}, "Internal error", None),
        ({"page": True}, "not JSON", None),
    ],
)
def test_errors_are_outages(
    client: AffiliatePlatform,
    shuffle: ShuffleDriver,
    fault: dict[str, Any],
    reason: str,
    wait: float | None,
) -> None:
    shuffle.fault(**fault)
    with pytest.raises(Outage, match=reason) as outage:
        client.ask(NOON)
    assert outage.value.retry_after == wait


def test_unusual_responses_are_accepted(client: AffiliatePlatform, shuffle: ShuffleDriver) -> None:
    shuffle.fault(twice=True)
    assert client.ask(NOON).find_total("NORA", "MiaSpins") == Decimal("1250.5")
    shuffle.fault(twice=False, leaves_out="MiaSpins")
    assert client.ask(NOON).find_total("NORA", "MiaSpins") is None
    shuffle.fault(empty=True)
    assert client.ask(NOON).totals == {}


def test_url_is_kept_secret(pretend: Sandbox) -> None:
    """Even errors do not contain it, because the URL itself is a secret."""
    secret = "http://127.0.0.1:9/stats/very-secret"
    chosen = settings(shuffle_affiliate_url=secret)
    assert secret in chosen.secrets()
    assert "very-secret" not in repr(chosen)
    with pytest.raises(Outage) as outage:
        ShuffleClient(chosen).ask(NOON)
    assert "secret" not in str(outage.value)
    assert outage.value.__suppress_context__
    with pytest.raises(Outage, match="INVALID_ID"):
        wrong = pretend.env["SHUFFLE_AFFILIATE_URL"] + "x"
        ShuffleClient(settings(shuffle_affiliate_url=wrong)).ask(NOON)


def test_redirect_is_not_followed(pretend: Sandbox, httpserver: HTTPServer) -> None:
    elsewhere = {"Location": pretend.env["SHUFFLE_AFFILIATE_URL"]}
    httpserver.expect_request("/").respond_with_data(status=302, headers=elsewhere)
    with pytest.raises(Outage, match="HTTP 302"):
        ShuffleClient(settings(shuffle_affiliate_url=httpserver.url_for("/"))).ask(NOON)


@pytest.mark.parametrize("status", [200, 400])
def test_error_is_read_from_the_body_whatever_the_status(
    httpserver: HTTPServer, status: int
) -> None:
    client = ShuffleClient(settings(shuffle_affiliate_url=httpserver.url_for("/")))

    def answer(message: str) -> None:
        httpserver.clear()
        said = {"statusCode": 400, "message": message}
        httpserver.expect_request("/").respond_with_json(said, status=status)

    answer("REFEREES_NOT_FOUND")
    assert client.ask(NOON).totals == {}
    answer("TOO_MANY_REQUEST")
    with pytest.raises(Outage, match="TOO_MANY_REQUEST") as busy:
        client.ask(NOON)
    assert busy.value.retry_after == 60
    answer("INVALID_DATE")
    with pytest.raises(Outage, match="INVALID_DATE") as wrong:
        client.ask(NOON)
    assert wrong.value.retry_after is None


def test_missing_url_is_an_outage() -> None:
    client = ShuffleClient(settings())
    assert not client.is_set_up
    with pytest.raises(Outage, match="SHUFFLE_AFFILIATE_URL"):
        client.ask(NOON)


def test_invalid_url_prevents_the_start_and_is_not_repeated() -> None:
    with pytest.raises(StartError, match="SHUFFLE_AFFILIATE_URL") as error:
        read_settings(shuffle_affiliate_url="shuffle.example/very-secret")
    assert "very-secret" not in str(error.value)
