"""A scripted stream in fast motion: `make demo`.

It starts the product, plays two hours of a stream on the fake Kick and Discord, prints what people
would see, and exits with 0 if all checks passed. Chat lines have timestamps of the past two hours,
so that watchtime needs no waiting.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import requests

from sandbox.discord.driver import DiscordDriver
from sandbox.kick.driver import KickDriver
from sandbox.transcript import Transcript

ROOT = Path(__file__).resolve().parent.parent
TIMEOUT_SECONDS = 30.0


class CheckFailed(Exception):
    """A check that failed."""


class Demo:
    """The fakes, the transcript and the checks."""

    def __init__(self, sandbox_url: str, product_url: str) -> None:
        self.kick = KickDriver(sandbox_url)
        self.discord = DiscordDriver(sandbox_url)
        self.product_url = product_url
        self.transcript = Transcript(self.kick, self.discord)
        self.passed = 0

    def section(self, title: str) -> None:
        self.transcript.show()
        self.transcript.heading(title)

    def check(self, sentence: str, holds: Callable[[], object]) -> None:
        """Wait until the check passes and print it, else raise CheckFailed."""
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                self.transcript.show()
                raise CheckFailed(sentence)
            time.sleep(0.1)
        self.transcript.show()
        self.transcript.check(sentence)
        self.passed += 1

    def said(self, text: str) -> int:
        """How often the bot wrote this text in Kick's chat; one line may hold several replies."""
        return sum(line["text"].count(text) for line in self.kick.transcript() if line["by_bot"])

    def embeds(self, channel: str, text: str) -> list[dict[str, Any]]:
        """The bot's messages in a Discord channel whose embeds contain this text."""
        return [m for m in self.discord.transcript(channel) if text in str(m["embeds"])]

    def asked(self, person: str, channel: str, command: str) -> str:
        """Type a command and wait for the bot's reply."""
        asked = self.discord.message(person, channel, command)
        try:
            answer = self.discord.wait_for(channel, lambda m: m["author"] == "bot", after=asked)
        except TimeoutError as late:
            raise CheckFailed(f"{command} was not answered ({late})") from None
        return str(answer["embeds"])


def play(demo: Demo) -> None:
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)

    def at(minutes: float) -> str:
        return (started + timedelta(minutes=minutes)).isoformat()

    demo.section("Nora goes live and viewers chat")
    demo.kick.live(title="Slots and good company", started_at=at(0))
    _stream(demo, at)
    demo.check(
        "MadCats has 1 h 10 min: a message every 5 minutes until 1:00, then 10 more minutes",
        lambda: _watchtime(demo, "MadCats", "1 h 10 min"),
    )
    demo.check(
        "lil_bean has 25 min: from 0:20 to 0:35, and 10 minutes from 1:30",
        lambda: _watchtime(demo, "lil_bean", "25 min"),
    )

    demo.section("Slot requests")
    _calls(demo)

    demo.section("Kick sends a message twice, once with a new id")
    demo.kick.faults({"kick.webhook.duplicate": 1, "kick.webhook.duplicate_new_id": 1})
    demo.kick.chat("sam", "!call Starlight Princess")
    demo.kick.settle()
    demo.check(
        "Starlight Princess is in the queue once, with one reply in chat",
        lambda: (
            len(demo.embeds("slot-calls", "Starlight Princess")) == 1
            and demo.said("Added Starlight Princess to the queue") == 1
        ),
    )

    demo.section("A gift bomb: 50 subs in two deliveries, and in chunks on the realtime feed")
    _gift_bomb(demo)

    demo.section("Moderation")
    _moderators(demo)

    demo.section("Leaderboard and health")
    board = demo.asked("mia", "general", "!leaderboard 5")
    demo.check(
        "the leaderboard lists MadCats before lil_bean, without Nora and the bot",
        lambda: _is_in_order(board, "MadCats", "lil\\\\_bean"),
    )
    demo.discord.slash("nora", "general", "health")
    demo.check("inbox and outbox are healthy", lambda: _is_well(demo))

    demo.section("The stream ends")
    demo.kick.offline()
    demo.kick.settle()


def _stream(demo: Demo, at: Callable[[float], str]) -> None:
    """Chat lines whose watchtime can be computed by hand."""
    for minute in range(0, 61, 5):
        demo.kick.chat("mia", _SMALL_TALK[minute // 5 % len(_SMALL_TALK)], at=at(minute))
    for minute in (20, 25, 90):
        demo.kick.chat("leo", "back again" if minute == 90 else "nice hit!", at=at(minute))
    demo.kick.chat("nora", "Welcome everybody!", at=at(1))
    demo.kick.settle()


_SMALL_TALK = (
    "good evening!",
    "what a start",
    "let's go",
    "that bonus [emote:37226:KEKW]",
    "so close",
    "one more spin",
)


def _watchtime(demo: Demo, name: str, expected: str) -> bool:
    return expected in demo.asked("tomas", "bot-log", f"!watchtime {name}")


def _calls(demo: Demo) -> None:
    demo.kick.chat("mia", "!call Book of Dead")
    demo.kick.chat("leo", "!sr Wanted Dead or a Wild")
    demo.kick.chat("yuki", "!call **Gates** of @everyone")
    demo.check("three requests are in #slot-calls, with buttons", lambda: _open_calls(demo) == 3)
    demo.check("the bot confirmed all three in chat", lambda: demo.said("to the queue at #") == 3)
    demo.kick.chat("mia", "!call book of dead")
    demo.check("a duplicate request is declined", lambda: demo.said("You already requested") == 1)
    demo.check(
        "markdown and @everyone in a name are shown as typed and ping nobody",
        lambda: "**Gates** of @\u200beveryone" in _bare(demo.embeds("slot-calls", "Gates")),
    )


def _bare(messages: list[dict[str, Any]]) -> str:
    """The titles as Discord shows them, without backslash escapes."""
    return " ".join(m["embeds"][0]["title"].replace("\\", "") for m in messages)


def _gift_bomb(demo: Demo) -> None:
    demo.kick.gift("mia", count=50)
    demo.kick.settle()
    taken = demo.asked("nora", "bot-log", "!webhooklog")
    demo.check(
        "both deliveries were processed", lambda: taken.count("channel.subscription.gifts") == 2
    )
    missed = demo.asked("nora", "bot-log", "!missed list")
    demo.check(
        "webhooks and realtime feed match: no gift is missing",
        lambda: "Nothing is missing" in missed,
    )


def _open_calls(demo: Demo) -> int:
    return sum(bool(m["components"]) for m in demo.discord.transcript("slot-calls"))


def _moderators(demo: Demo) -> None:
    first = demo.embeds("slot-calls", "Book of Dead")[0]
    done = first["components"][0]["components"][0]["custom_id"]
    demo.discord.click("tomas", first["message_id"], done)
    demo.check(
        "Tomas pressed Played: the post is marked as played and has no buttons",
        lambda: demo.embeds("slot-calls", "Played") and _open_calls(demo) == 3,
    )
    refused = demo.asked("mia", "general", "!slotcalls off")
    demo.check(
        "MadCats is not a moderator and cannot turn slot requests off",
        lambda: "Manage Server" in refused,
    )
    switched = demo.asked("nora", "bot-log", "!slotcalls off")
    demo.check("Nora can turn slot requests off", lambda: "Slot requests are off" in switched)
    demo.kick.chat("leo", "!call Sweet Bonanza")
    demo.check("a new request is refused in chat", lambda: demo.said("closed right now") == 1)


def _is_in_order(text: str, *names: str) -> bool:
    places = [text.find(name) for name in names]
    return -1 not in places and places == sorted(places) and "NoraPlays" not in text


def _is_well(demo: Demo) -> bool:
    status, states = _health(demo.product_url)
    return status != "down" and states["Inbox"] == states["Outbox"] == "ok"


def _health(url: str) -> tuple[str, dict[str, str]]:
    """The state of the product and of each part of it, as everybody may see them."""
    found = requests.get(f"{url}/health", timeout=TIMEOUT_SECONDS).json()
    return found["status"], {part["name"]: part["state"] for part in found["parts"]}


@contextmanager
def product() -> Iterator[Demo]:
    """The product with its sandbox on free ports, with a temporary data folder."""
    port, sandbox_port = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="regulars-demo-") as folder:
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "combined_server.py")],
            # Without an .env in the working directory, the demo cannot reach a real server.
            cwd=folder,
            env=_environment(folder, port, sandbox_port),
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_until_connected(process, f"http://127.0.0.1:{port}")
            yield Demo(f"http://127.0.0.1:{sandbox_port}", f"http://127.0.0.1:{port}")
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise CheckFailed("the product did not stop") from None


def _environment(folder: str, port: int, sandbox_port: int) -> dict[str, str]:
    inherited = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **inherited,
        "PYTHONPATH": str(ROOT),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "SANDBOX_PORT": str(sandbox_port),
        "DATA_DIR": str(Path(folder) / "data"),
        "LIVE_POLL_SECONDS": "1",
        "WATCH_INTERVAL_SECONDS": "1",
        "LOG_LEVEL": "WARNING",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_until_connected(process: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 2 * TIMEOUT_SECONDS  # it creates a database first
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise CheckFailed(f"the product did not start (exit code {process.returncode})")
        try:
            if _health(url)[1].get("Discord bot") == "ok":
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise CheckFailed("the product did not connect within a minute")


def main() -> int:
    started = time.monotonic()
    try:
        with product() as demo:
            play(demo)
            demo.transcript.show()
    except CheckFailed as failed:
        print(f"\n✗ Check failed: {failed}", file=sys.stderr)
        return 1
    print(f"\n✓ {demo.passed} checks passed in {time.monotonic() - started:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
