"""A scripted stream at speed: `make demo`.

It starts the product as anybody would, plays two hours of a stream through the pretend Kick and
Discord, prints what people would see, checks what it promises, and ends with 0 if all of it held.
The viewers' lines carry times of the past two hours, so nobody has to wait for watchtime.
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
PATIENCE_SECONDS = 30.0


class Broken(Exception):
    """A check that failed."""


class Show:
    """The fakes, the transcript and the checks."""

    def __init__(self, world_url: str, product_url: str) -> None:
        self.kick = KickDriver(world_url)
        self.discord = DiscordDriver(world_url)
        self.product_url = product_url
        self.transcript = Transcript(self.kick, self.discord)
        self.kept = 0

    def scene(self, title: str) -> None:
        self.transcript.show()
        self.transcript.heading(title)

    def promise(self, sentence: str, holds: Callable[[], object]) -> None:
        """Wait until the check passes and print it, else raise CheckFailed."""
        deadline = time.monotonic() + PATIENCE_SECONDS
        while not holds():
            if time.monotonic() > deadline:
                self.transcript.show()
                raise Broken(sentence)
            time.sleep(0.1)
        self.transcript.show()
        self.transcript.promise(sentence)
        self.kept += 1

    # -- what can be looked at ------------------------------------------------------------------

    def said(self, text: str) -> int:
        """How many lines of the bot in Kick's chat contain this text."""
        return sum(line["by_bot"] and text in line["text"] for line in self.kick.transcript())

    def embeds(self, channel: str, text: str) -> list[dict[str, Any]]:
        """The bot's messages in a Discord channel whose embeds contain this text."""
        return [m for m in self.discord.transcript(channel) if text in str(m["embeds"])]

    def asked(self, person: str, channel: str, command: str) -> str:
        """Type a command and wait for the bot's reply."""
        asked = self.discord.message(person, channel, command)
        try:
            answer = self.discord.wait_for(channel, lambda m: m["author"] == "bot", after=asked)
        except TimeoutError as late:
            raise Broken(f"{command} is answered ({late})") from None
        return str(answer["embeds"])


def play(show: Show) -> None:
    started = datetime.now(UTC).replace(microsecond=0) - timedelta(hours=2)

    def at(minutes: float) -> str:
        return (started + timedelta(minutes=minutes)).isoformat()

    show.scene("Nora goes live; the evening fills")
    show.kick.live(title="Slots and good company", started_at=at(0))
    _evening(show, at)
    show.promise(
        "MadCats was there for 1 h 10 min: a message every 5 minutes to 1:00, and 10 minutes more",
        lambda: _watchtime(show, "MadCats", "1 h 10 min"),
    )
    show.promise(
        "lil_bean was there for 25 min: from 0:20 to 0:35, and 10 minutes from 1:30",
        lambda: _watchtime(show, "lil_bean", "25 min"),
    )

    show.scene("Slot calls")
    _calls(show)

    show.scene("Kick delivers twice, once under a new id")
    show.kick.faults({"kick.webhook.duplicate": 1, "kick.webhook.duplicate_new_id": 1})
    show.kick.chat("sam", "!call Starlight Princess")
    show.kick.settle()
    show.promise(
        "Starlight Princess is in the queue once, and the chat heard it once",
        lambda: (
            len(show.embeds("slot-calls", "Starlight Princess")) == 1
            and show.said("Starlight Princess is in the queue") == 1
        ),
    )

    show.scene("A gift bomb: 50 subs in two deliveries, and in chunks on the realtime feed")
    _gift_bomb(show)

    show.scene("The moderators at work")
    _moderators(show)

    show.scene("What everybody asks")
    board = show.asked("mia", "general", "!leaderboard 5")
    show.promise(
        "the leaderboard has MadCats before lil_bean, and neither Nora nor the bot",
        lambda: _is_in_order(board, "MadCats", "lil\\\\_bean"),
    )
    show.discord.slash("nora", "general", "health")
    show.promise("nothing waits and nothing was given up", lambda: _is_well(show))

    show.scene("Good night")
    show.kick.offline()
    show.kick.settle()


def _evening(show: Show, at: Callable[[float], str]) -> None:
    """Chat lines whose watchtime can be computed by hand."""
    for minute in range(0, 61, 5):
        show.kick.chat("mia", _SMALL_TALK[minute // 5 % len(_SMALL_TALK)], at=at(minute))
    for minute in (20, 25, 90):
        show.kick.chat("leo", "back again" if minute == 90 else "nice hit!", at=at(minute))
    show.kick.chat("nora", "Welcome everybody!", at=at(1))
    show.kick.settle()


_SMALL_TALK = (
    "good evening!",
    "what a start",
    "let's go",
    "that bonus [emote:37226:KEKW]",
    "so close",
    "one more spin",
)


def _watchtime(show: Show, name: str, expected: str) -> bool:
    return expected in show.asked("tomas", "bot-log", f"!watchtime {name}")


def _calls(show: Show) -> None:
    show.kick.chat("mia", "!call Book of Dead")
    show.kick.chat("leo", "!sr Wanted Dead or a Wild")
    show.kick.chat("yuki", "!call **Gates** of @everyone")
    show.promise("three calls stand in #slot-calls, with buttons", lambda: _open_calls(show) == 3)
    show.promise("the chat heard of all three", lambda: show.said("is in the queue") == 3)
    show.kick.chat("mia", "!call book of dead")
    show.promise("the same slot twice is declined", lambda: show.said("You already requested") == 1)
    show.promise(
        "a name with markdown and @everyone is shown as it was typed, and pings nobody",
        lambda: "**Gates** of @\u200beveryone" in _bare(show.embeds("slot-calls", "Gates")),
    )


def _bare(messages: list[dict[str, Any]]) -> str:
    """The titles as Discord shows them, without backslash escapes."""
    return " ".join(m["embeds"][0]["title"].replace("\\", "") for m in messages)


def _gift_bomb(show: Show) -> None:
    show.kick.gift("mia", count=50)
    show.kick.settle()
    taken = show.asked("nora", "bot-log", "!webhooklog")
    show.promise(
        "both deliveries were taken", lambda: taken.count("channel.subscription.gifts") == 2
    )
    missed = show.asked("nora", "bot-log", "!missed list")
    show.promise(
        "what the feed saw is what the webhooks told: nobody's gift is missing",
        lambda: "Nothing is missing" in missed,
    )


def _open_calls(show: Show) -> int:
    return sum(bool(m["components"]) for m in show.discord.transcript("slot-calls"))


def _moderators(show: Show) -> None:
    first = show.embeds("slot-calls", "Book of Dead")[0]
    done = first["components"][0]["components"][0]["custom_id"]
    show.discord.click("tomas", first["message_id"], done)
    show.promise(
        "Tomas pressed Done: the post says so and its buttons are gone",
        lambda: show.embeds("slot-calls", "Played") and _open_calls(show) == 3,
    )
    refused = show.asked("mia", "general", "!slotcalls off")
    show.promise(
        "MadCats is no moderator and cannot switch slot calls off",
        lambda: "Manage Server" in refused,
    )
    switched = show.asked("nora", "bot-log", "!slotcalls off")
    show.promise("Nora can", lambda: "Slot requests are off" in switched)
    show.kick.chat("leo", "!call Sweet Bonanza")
    show.promise("who calls now is told", lambda: show.said("closed right now") == 1)


def _is_in_order(text: str, *names: str) -> bool:
    places = [text.find(name) for name in names]
    return -1 not in places and places == sorted(places) and "NoraPlays" not in text


def _is_well(show: Show) -> bool:
    found = requests.get(f"{show.product_url}/health", timeout=PATIENCE_SECONDS).json()
    states = {part["name"]: part["state"] for part in found["parts"]}
    return bool(found["status"] != "down" and states["Inbox"] == states["Outbox"] == "ok")


@contextmanager
def product() -> Iterator[Show]:
    """The product with its sandbox on free ports, with a temporary data folder."""
    port, world_port = _free_port(), _free_port()
    with tempfile.TemporaryDirectory(prefix="regulars-demo-") as folder:
        Path(folder).chmod(0o755)
        process = subprocess.Popen(
            [sys.executable, str(ROOT / "combined_server.py")],
            # In a folder of its own it finds no .env: a demo must never reach a real server.
            cwd=folder,
            env=_environment(folder, port, world_port),
            stdout=subprocess.DEVNULL,
        )
        try:
            _wait_until_connected(process, f"http://127.0.0.1:{port}")
            yield Show(f"http://127.0.0.1:{world_port}", f"http://127.0.0.1:{port}")
        finally:
            _end(process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(PATIENCE_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        raise Broken("the product ends when it is asked to") from None


def _environment(folder: str, port: int, world_port: int) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PORT": str(port),
        "HOST": "127.0.0.1",
        "SANDBOX_PORT": str(world_port),
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
    deadline = time.monotonic() + 2 * PATIENCE_SECONDS  # it makes itself a database first
    while time.monotonic() < deadline:
        if process.poll() is not None:
            raise Broken(f"the product starts (it ended with {process.returncode})")
        try:
            if "Connected as" in requests.get(f"{url}/health", timeout=PATIENCE_SECONDS).text:
                return
        except requests.RequestException:
            pass
        time.sleep(0.1)
    raise Broken("the product is connected within a minute")


def main() -> int:
    began = time.monotonic()
    try:
        with product() as show:
            play(show)
            show.transcript.show()
    except Broken as broken:
        print(f"\n✗ A promise did not hold: {broken}", file=sys.stderr)
        return 1
    print(f"\n✓ {show.kept} promises kept in {time.monotonic() - began:.0f} s.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
