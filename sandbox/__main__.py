"""``python -m sandbox --port 8081 --webhook-url http://127.0.0.1:8080/webhooks/kick``.

Once it listens it prints one line of JSON: the port, the page's address and the product's settings
for the sandbox; also to ``--ready-file``. It stops on SIGTERM, SIGINT or, if asked for, when stdin
closes.
"""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import threading
from pathlib import Path

from sandbox.serve import Sandbox, serve


def arguments(argv: list[str] | None = None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        prog="python -m sandbox",
        description="Fake Discord, Kick, Twitch, Shuffle and drand servers.",
    )
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (%(default)s)")
    parser.add_argument(
        "--port", type=int, default=8081, help="0 takes any free port (%(default)s)"
    )
    parser.add_argument(
        "--webhook-url",
        default="http://127.0.0.1:8080/webhooks/kick",
        help="where to send Kick's webhooks (%(default)s)",
    )
    parser.add_argument(
        "--redirect-uri",
        action="append",
        default=[],
        help="a registered OAuth redirect of the Kick app; default: any on the webhook's host",
    )
    parser.add_argument(
        "--discord-file", type=Path, help="file that keeps Discord's messages over restarts"
    )
    parser.add_argument("--ready-file", type=Path, help="also write the ready line to this file")
    parser.add_argument(
        "--exit-with-stdin", action="store_true", help="stop when stdin closes (with the parent)"
    )
    return parser.parse_args(argv)


async def run(options: argparse.Namespace) -> None:
    """Serve until a signal arrives or, if asked for, stdin closes."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    async with serve(
        options.host,
        options.port,
        options.webhook_url,
        tuple(options.redirect_uri),
        discord_file=options.discord_file,
    ) as sandbox:
        announce(sandbox, options.ready_file)
        if options.exit_with_stdin:
            _watch_stdin(loop, stop)
        await stop.wait()


def announce(sandbox: Sandbox, ready_file: Path | None) -> None:
    """Print the ready line; the file is written first, and atomically."""
    line = json.dumps({"port": sandbox.port, "page_url": sandbox.page_url, "env": sandbox.env})
    if ready_file is not None:
        _write_atomically(ready_file, line + "\n")
    print(line, flush=True)


def _write_atomically(path: Path, text: str) -> None:
    with tempfile.NamedTemporaryFile("w", dir=path.parent, delete=False) as file:
        file.write(text)
    Path(file.name).replace(path)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    """A thread, because stdin may be a file or /dev/null, which an event loop cannot watch."""

    def wait() -> None:
        while os.read(sys.stdin.fileno(), 4096):
            continue
        loop.call_soon_threadsafe(stop.set)

    threading.Thread(target=wait, name="stdin", daemon=True).start()


def main() -> int:
    """Exit code 0, or 2 with a message if the port is taken."""
    options = arguments()
    try:
        asyncio.run(run(options))
    except OSError as error:
        print(
            f"The sandbox cannot listen on port {options.port}: {error.strerror}.", file=sys.stderr
        )
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
