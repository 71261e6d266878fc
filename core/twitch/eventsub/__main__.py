"""`python -m core.twitch.eventsub`: only the listener, in its own process.

It needs DATABASE_URL, takes part in choosing the process that listens, writes to the inbox and
serves `/health` on PORT. It runs until it is stopped and retries whatever fails.
"""

import json
import signal
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import structlog
from sqlalchemy import make_url

from core.kit.database.connection import Database
from core.kit.database.work import Work
from core.kit.errors import Outage, StartError
from core.kit.health_item import HealthItem
from core.kit.runtime.bus import connect_bus
from core.kit.runtime.crypto import signing_key
from core.kit.runtime.log import set_up_logging
from core.kit.runtime.settings import Settings, read_settings
from core.kit.services import Services
from core.twitch.accounts.store import list_accounts
from core.twitch.chat.actions import say
from core.twitch.eventsub.listener import TwitchListener
from core.twitch.eventsub.rules import transport_of
from core.twitch.store import find_primary

RETRY_SECONDS = 5.0

_log = structlog.get_logger(__name__)


def main() -> int:
    """Run until SIGTERM or SIGINT."""
    try:
        settings = read_settings()
        return run(settings, _stop_event())
    except StartError as error:
        print(f"\n{error}\n", file=sys.stderr)
        return 1


def _stop_event() -> threading.Event:
    stopping = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stopping.set())
    return stopping


def run(settings: Settings, stopping: threading.Event) -> int:
    """Listen until `stopping` is set.

    Raises:
        StartError: DATABASE_URL or the Twitch app is not set, or events arrive by webhook.
    """
    if settings.database_url is None:
        raise StartError("Set DATABASE_URL to the bot's database to run the listener alone.")
    if settings.twitch_client_id is None or settings.twitch_client_secret is None:
        raise StartError("TWITCH_CLIENT_ID and TWITCH_CLIENT_SECRET are not set.")
    if transport_of(settings) != "websocket":
        raise StartError(
            "Events already arrive by webhook and would arrive twice. Set "
            "TWITCH_EVENTSUB=websocket, also for the bot."
        )
    services = _services(settings, settings.database_url.get_secret_value())
    _wait_for_database(services, stopping)
    listener = TwitchListener(services)
    server = _serve_health(settings, listener)
    services.bus.start()
    listener.start()
    _log.info("Listening to Twitch", port=settings.port)
    announcing = threading.Thread(target=_announce, args=(services, listener, stopping))
    announcing.start()
    stopping.wait()
    listener.stop()
    announcing.join()
    server.shutdown()
    services.bus.stop()
    services.database.close()
    return 0


def _services(settings: Settings, url: str) -> Services:
    password = make_url(url).password
    set_up_logging(
        settings.log_level,
        settings.log_format,
        [*settings.secrets(), *([str(password)] if password else [])],
    )
    bus = connect_bus(settings.redis_url.get_secret_value() if settings.redis_url else None)
    return Services(
        settings, Database(url, notify=bus.publish, key=lambda: signing_key(settings)), bus
    )


def _wait_for_database(services: Services, stopping: threading.Event) -> None:
    """Wait until the database is up and the bot has created its tables."""
    while not stopping.is_set():
        try:
            with services.database.begin() as tx:
                list_accounts(tx)
            return
        except Outage as outage:
            _log.warning("Waiting for the database", reason=outage.reason)
        except Exception as error:  # no tables yet
            _log.warning("Waiting for the bot to set up the database", reason=str(error)[:100])
        stopping.wait(RETRY_SECONDS)


def _announce(services: Services, listener: TwitchListener, stopping: threading.Event) -> None:
    """Send TWITCH_ONLINE_MESSAGE to chat, if it is set, once the listener is connected."""
    text = services.settings.twitch_online_message
    if not text:
        return
    while not stopping.is_set() and not listener.is_connected:
        stopping.wait(1.0)
    if stopping.is_set():
        return
    try:
        with services.database.begin() as tx:
            for account in list_accounts(tx):
                if account.role != "streamer":
                    continue
                if find_primary(tx, account.twitch_user_id) == account.guild_id:
                    with Work(tx, account.guild_id, now=services.clock()) as work:
                        say(work, text, f"twitch.online:{time.time_ns()}")
    except Outage as outage:
        _log.info("Announcing the listener in chat failed", reason=outage.reason)


def _serve_health(settings: Settings, listener: TwitchListener) -> ThreadingHTTPServer:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if self.path.split("?")[0] != "/health":
                self.send_error(404)
                return
            items = listener.status()
            body = json.dumps({"status": _worst(items), "parts": [_part(item) for item in items]})
            self.send_response(200 if _worst(items) != "down" else 503)
            self.send_header("Content-Type", "application/json")
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *_given: object) -> None:
            """Log nothing: hosts poll every few seconds."""

    server = ThreadingHTTPServer((settings.host, settings.port), Handler)
    threading.Thread(target=server.serve_forever, name="health", daemon=True).start()
    return server


def _worst(items: list[HealthItem]) -> str:
    states = {item.state for item in items}
    return next((state for state in ("down", "warn") if state in states), "ok")


def _part(item: HealthItem) -> dict[str, str]:
    return {"name": item.name, "state": item.state, "reason": item.reason}


if __name__ == "__main__":
    sys.exit(main())
