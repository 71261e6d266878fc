"""How soon 60 open overlays show a change, and how many webhooks a second are durable beside them.

An admin changes the overlays' colour on the dashboard twice a second while webhooks arrive; a time
is from the click until one overlay has received the change. Rounds of webhooks without and with
overlays take turns.
"""

import re
import selectors
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from statistics import median, quantiles
from urllib.parse import urlsplit

import requests

from benchmarks.environment import Environment
from benchmarks.figures import Results
from benchmarks.ingest import OURS, PATH, check_honest, prepare_rounds, run_server
from benchmarks.wrk import CannotRun, Round, need_wrk, send_all
from core.kit.web.live import MAX_STREAMS as MAX_OPEN
from core.kit.web.live_pages import MAX_PER_OVERLAY as MAX_PER_KEY
from sandbox.discord.seed import NORAS_CORNER_ID
from sandbox.serve import on_thread
from tests.patience import until
from tests.scan import cookie

THREADS = 128
EVERY_SECONDS = 0.5
COLOURS = ("purple", "blue", "orange", "pink", "green")


def run(environment: Environment) -> Results:
    """Times in ms from the click to each overlay, and the ratio of webhooks."""
    need_wrk()
    rounds, each = (2, 1000) if environment.quick else (5, 4000)
    files = iter(prepare_rounds(environment, 2 * (rounds + 1), each))
    alone: list[Round] = []
    beside: list[Round] = []
    times: list[float] = []
    with ExitStack() as stack:
        url, database = stack.enter_context(environment.database())
        world = stack.enter_context(on_thread(signing_key=environment.key))
        settings = {
            **world.env,
            "DATABASE_URL": url,
            "FLASK_SECRET_KEY": "for-benchmarks-only",
            "OAUTH_BASE_URL": "https://localhost",  # behind a proxy, which passes on the addresses
        }
        app = "combined_server:create_web()"
        server = stack.enter_context(
            run_server(environment, "overlays", OURS, app, settings, THREADS)
        )
        until(lambda: server.health()[0], "the product's web server")
        admin = _Admin(server.url)
        for _ in range(rounds + 1):
            alone.append(send_all(server.url + PATH, next(files)))
            with _overlays(server.url, admin.addresses()) as overlays, admin.changing(overlays):
                beside.append(send_all(server.url + PATH, next(files)))
            times += overlays.times
        check_honest(database, [*alone, *beside])
    if not times:
        raise CannotRun("No overlay has shown a change.")
    pairs = list(zip(alone, beside, strict=True))[1:]  # the first round warms up
    return {
        "overlay_p50_ms": median(times),
        "overlay_p99_ms": quantiles(times, n=100)[98],
        "ingest_beside_overlays_ratio": median(two.per_s / first.per_s for first, two in pairs),
    }


class _Admin:
    """Nora at her dashboard."""

    def __init__(self, base: str) -> None:
        self._page = f"{base}/g/{NORAS_CORNER_ID}/overlays"
        self._session = requests.Session()
        self._session.headers["Cookie"] = cookie(base, "10.0.0.1")
        answer = self._session.get(self._page)
        # Cookies are for https, which this connection is not.
        self._session.headers["Cookie"] = answer.headers["Set-Cookie"].split(";")[0]
        shown = answer.text
        token = re.search(r'name="csrf_token" value="([^"]+)"', shown)
        assert token, "the page has forms"
        self._token = token[1]
        self._paths = [
            urlsplit(address).path for address in re.findall(r'value="(http[^"]+)"', shown)
        ]

    def addresses(self) -> list[str]:
        """Paths of as many streams as can be open."""
        paths = [
            f"/overlay/live?t=unknown,{path}"
            for path in self._paths
            for _place in range(MAX_PER_KEY)
        ]
        assert len(paths) >= MAX_OPEN, "there are enough overlays"
        return paths[:MAX_OPEN]

    def change(self, colour: str) -> None:
        form = {
            "csrf_token": self._token,
            "overlays.accent": colour,
            "overlays.theme": "dark",
            "overlays.size": "medium",
            "overlays.corner": "top_left",
        }
        answer = self._session.post(f"{self._page}/settings", form, allow_redirects=False)
        assert answer.status_code == 303, answer.status_code

    @contextmanager
    def changing(self, overlays: "_Overlays") -> Iterator[None]:
        """Change the colour again and again."""
        done = threading.Event()

        def work() -> None:
            number = 0
            while not done.wait(EVERY_SECONDS):
                colour = COLOURS[number % len(COLOURS)]
                overlays.expect(colour)
                self.change(colour)
                number += 1

        thread = threading.Thread(target=work)
        thread.start()
        try:
            yield
        finally:
            done.set()
            thread.join()


class _Overlays:
    """Open streams, and how long each took to show each change, in ms."""

    def __init__(self) -> None:
        self.times: list[float] = []
        self._clicked: dict[str, float] = {}
        self._last: dict[socket.socket, bytes] = {}

    def expect(self, colour: str) -> None:
        self._clicked[f"accent-{colour} "] = time.perf_counter()

    def read(self, selector: selectors.BaseSelector, done: threading.Event) -> None:
        """Until `done`."""
        while not done.is_set():
            for key, _events in selector.select(0.1):
                stream = key.fileobj
                assert isinstance(stream, socket.socket), "only those are registered"
                arrived = stream.recv(65536)
                now = time.perf_counter()
                found = re.findall(rb"data: theme-\w+ (accent-\w+ )", arrived)
                for frame in found[-1:]:
                    clicked = self._clicked.get(frame.decode())
                    if clicked is not None and self._last.get(stream) != frame:
                        self.times.append((now - clicked) * 1000)
                    self._last[stream] = frame


@contextmanager
def _overlays(base: str, paths: list[str]) -> Iterator[_Overlays]:
    host, found, done = urlsplit(base), _Overlays(), threading.Event()
    with ExitStack() as stack, selectors.DefaultSelector() as selector:
        for path in paths:
            stream = socket.create_connection((host.hostname or "", host.port or 80))
            stack.callback(stream.close)
            stream.sendall(f"GET {path} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            selector.register(stream, selectors.EVENT_READ)
        reader = threading.Thread(target=found.read, args=(selector, done))
        reader.start()
        try:
            time.sleep(1)
            yield found
        finally:
            time.sleep(1)  # for the last change
            done.set()
            reader.join()
