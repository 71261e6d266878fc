"""Requests of strangers never slow down others, however many there are."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from itertools import cycle

import requests
from sqlalchemy import text

from tests.patience import PATIENCE, until
from tests.stories.channels import connect_twitch, twitch_webhooks
from tests.stories.stage import GUILD, Stage
from tests.stories.webhooks import WebhookSender, chat, twitch_chat

STRANGERS = 100

ROUTES = (
    "/",
    "/health",
    "/livez",
    "/metrics",
    f"/draws/{'a' * 16}",
    f"/draws/{'a' * 16}/bundle.json",
    f"/p/{GUILD}/",
    "/p/1/status",
    "/overlay/guessed/heist",
    "/overlay/live?t=,/overlay/guessed/heist",
    "/widget/heist",
    "/login",
    "/login/discord/callback?state=x&code=y",
    "/link/guessed",
    "/auth/kick/callback?state=x&code=y",
    "/api/health",
    "/me",
    "/no/such/page",
)

FORGED = ("/webhooks/kick", "/webhooks/twitch")
"""Posted with a signature that fits nothing."""


@contextmanager
def locked(stage: Stage) -> Iterator[None]:
    """Another program locks what strangers ask for, so that their requests take as long as they
    can."""
    with stage.database.begin() as tx:
        tx.execute(text("LOCK TABLE raffle_periods, overlays_keys, heist_widget_keys, api_tokens"))
        yield


@contextmanager
def besieged(stage: Stage) -> Iterator[set[int]]:
    """A hundred clients that each ask for something again as soon as they are answered; gives the
    statuses that they got."""
    gone, statuses = threading.Event(), set[int]()
    sender = WebhookSender(stage.product.url, stage.key)
    headers = {"Authorization": "Bearer guessed", "Cookie": "regulars=guessed"}

    def visit(first: int) -> None:
        paths = cycle((*ROUTES, *FORGED))
        for _skipped in range(first):
            next(paths)
        with requests.Session() as session:
            while not gone.is_set():
                path = next(paths)
                with suppress(requests.RequestException):
                    if path in FORGED:
                        forged = sender.headers(b"{}") | {"Kick-Event-Signature": "Zm9yZ2Vk"}
                        url = f"{stage.product.url}{path}"
                        answer = session.post(url, b"{}", headers=forged, timeout=PATIENCE)
                    else:
                        url = f"{stage.product.url}{path}"
                        answer = session.get(url, headers=headers, timeout=PATIENCE)
                    statuses.add(answer.status_code)

    with ThreadPoolExecutor(STRANGERS) as threads:
        for number in range(STRANGERS):
            threads.submit(visit, number)
        try:
            until(lambda: len(statuses) > 2, "strangers")
            yield statuses
        finally:
            gone.set()


def test_strangers_keep_nobody_from_using_the_bot(stage: Stage) -> None:
    product = stage.start()
    product.wait_well()
    stage.wait_subscribed()
    connect_twitch(stage)
    kick, twitch = WebhookSender(product.url, stage.key), twitch_webhooks(stage)
    with locked(stage), besieged(stage) as statuses:
        for number in range(5):
            assert kick.deliver(chat(f"line {number}")).status_code == 200
            assert twitch.deliver(twitch_chat(f"line {number}")).status_code == 200
            assert stage.asked("nora", "!slotcalls")["title"] == "🟢 Slot requests are on"
        stage.kick.chat("mia", "!call Besieged")
        stage.post_about("Besieged")
        assert product.health()[0] == 200
    assert 500 not in statuses
    assert "is paused" not in product.log(), "the sender and the worker had their connections"
