"""Runs the sandbox on a port: in the running event loop, or on its own thread for tests."""

import asyncio
import socket
import threading
from collections.abc import AsyncIterator, Iterator, Mapping
from concurrent.futures import Future
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from pathlib import Path

from aiohttp import web

from sandbox import app
from sandbox.faults import FaultValue
from sandbox.kick.signing import SigningKey

HOST = "127.0.0.1"
SHUTDOWN_SECONDS = 0.2
"""For open requests; the long ones (gateway, SSE) are closed separately."""


@dataclass(frozen=True)
class Sandbox:
    """A running sandbox; ``env`` are the product's settings for it."""

    port: int
    page_url: str
    env: dict[str, str]

    @property
    def base_url(self) -> str:
        """Without a trailing slash, for the drivers."""
        return self.page_url.rstrip("/")


@asynccontextmanager
async def serve(
    host: str = HOST,
    port: int = 0,
    webhook_url: str = "http://127.0.0.1:8080/webhooks/kick",
    redirect_uris: tuple[str, ...] = (),
    signing_key: SigningKey | None = None,
    defaults: Mapping[str, FaultValue] | None = None,
    discord_file: Path | None = None,
) -> AsyncIterator[Sandbox]:
    """Serve for the length of the block. OSError if the port is taken; port 0 takes a free one."""
    listening = _listen(host, port)
    port = listening.getsockname()[1]
    base_url = f"http://{host}:{port}"
    settings = app.SandboxSettings(
        base_url, webhook_url, redirect_uris, signing_key, defaults or {}, discord_file
    )
    application = app.build(settings)
    runner = web.AppRunner(application, access_log=None, shutdown_timeout=SHUTDOWN_SECONDS)
    try:
        await runner.setup()
        await web.SockSite(runner, listening).start()
        yield Sandbox(port, f"{base_url}/", application[app.ENV])
    finally:
        await runner.cleanup()
        listening.close()


def _listen(host: str, port: int) -> socket.socket:
    """The base URL must be known before the application is built."""
    listening = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(128)
    except OSError:
        listening.close()
        raise
    return listening


@contextmanager
def on_thread(
    webhook_url: str = "http://127.0.0.1:8080/webhooks/kick",
    redirect_uris: tuple[str, ...] = (),
    signing_key: SigningKey | None = None,
    defaults: Mapping[str, FaultValue] | None = None,
) -> Iterator[Sandbox]:
    """A sandbox on a free port and its own thread. Creating a signing key is slow, so tests share
    one."""
    loop = asyncio.new_event_loop()
    stop = asyncio.Event()
    ready: Future[Sandbox] = Future()

    async def live() -> None:
        async with serve(HOST, 0, webhook_url, redirect_uris, signing_key, defaults) as sandbox:
            ready.set_result(sandbox)
            await stop.wait()

    def run() -> None:
        try:
            loop.run_until_complete(live())
        except BaseException as error:
            if ready.done():
                raise
            ready.set_exception(error)

    thread = threading.Thread(target=run, name="sandbox")
    thread.start()
    try:
        yield ready.result()
    finally:
        loop.call_soon_threadsafe(stop.set)
        thread.join()
        loop.close()
