"""The sandbox as a program: people, changes, faults, the control root, starting and stopping."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from sandbox.change_feed import BACKLOG, ChangeFeed
from sandbox.faults import Faults, FaultTable
from sandbox.people import BY_HANDLE, PEOPLE, slug_of
from sandbox.serve import Sandbox, on_thread
from tests.patience import PATIENCE
from tests.sandbox.kick_harness import KEY

ROOT = Path(__file__).parents[2]


class TestPeople:
    def test_people_have_unique_ids_and_names(self) -> None:
        for field in ("handle", "discord_id", "discord_name", "kick_user_id", "kick_name"):
            assert len({getattr(person, field) for person in PEOPLE}) == len(PEOPLE)

    def test_slug_is_lowercase_with_hyphens(self) -> None:
        assert slug_of("Some_One") == "some-one"
        assert BY_HANDLE["tomas"].kick_slug == "tomas-tv"

    def test_people_have_the_expected_roles(self) -> None:
        roles = {person.handle: person.role for person in PEOPLE}
        assert roles["nora"] == roles["vera"] == "streamer"
        assert roles["tomas"] == "moderator"
        assert {roles[handle] for handle in ("mia", "leo", "yuki", "sam")} == {"viewer"}


class TestChangeFeed:
    async def test_listeners_receive_changes_published_after_they_joined(self) -> None:
        changes = ChangeFeed()
        changes.publish("early")
        first, second = changes.listen(), changes.listen()
        changes.publish("kick.chat", text="hello")
        for listener in (first, second):
            assert await anext(listener) == {"area": "kick.chat", "text": "hello"}

    async def test_closed_listener_receives_nothing(self) -> None:
        changes = ChangeFeed()
        listener = changes.listen()
        listener.close()
        listener.close()
        changes.publish("late")
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(anext(listener), 0.02)

    async def test_close_ends_all_listeners(self) -> None:
        changes = ChangeFeed()
        listener = changes.listen()
        changes.publish("last")
        changes.close()
        assert [change["area"] async for change in listener] == ["last"]

    async def test_slow_listener_loses_the_oldest_changes(self) -> None:
        changes = ChangeFeed()
        listener = changes.listen()
        for number in range(BACKLOG + 5):
            changes.publish("n", number=number)
        assert (await anext(listener))["number"] == 5


class TestFaults:
    @pytest.fixture
    def faults(self) -> Faults:
        faults = Faults()
        table: FaultTable = {
            "count": (0, "The next N."),
            "on": (False, "Whether."),
            "wait": (0.5, "Seconds."),
            "text": ("", "Words."),
        }
        faults.declare(table)
        return faults

    def test_count_applies_to_the_next_n(self, faults: Faults) -> None:
        assert not faults.take("count")
        faults.set("count", 2)
        assert [faults.take("count") for _ in range(3)] == [True, True, False]
        assert faults.get("count") == 0

    def test_take_requires_a_counted_fault(self, faults: Faults) -> None:
        with pytest.raises(ValueError, match="not a counted"):
            faults.take("on")

    @pytest.mark.parametrize(
        ("name", "value"),
        [("count", True), ("count", "1"), ("count", 1.0), ("on", 1), ("wait", "1"), ("text", None)],
    )
    def test_values_of_another_type_are_rejected(
        self, faults: Faults, name: str, value: object
    ) -> None:
        with pytest.raises(ValueError, match=name):
            faults.set(name, value)

    def test_int_is_accepted_for_a_float(self, faults: Faults) -> None:
        faults.set("wait", 2)
        assert faults.seconds("wait") == 2.0

    def test_unknown_names_are_rejected(self, faults: Faults) -> None:
        for use in (faults.get, faults.take, faults.flag):
            with pytest.raises(KeyError):
                use("nothing")
        with pytest.raises(KeyError):
            faults.set("nothing", 1)

    def test_reset_restores_defaults(self, faults: Faults) -> None:
        faults.set("on", True)
        faults.reset()
        assert not faults.flag("on")

    def test_fault_cannot_be_declared_twice(self, faults: Faults) -> None:
        with pytest.raises(ValueError, match="twice"):
            faults.declare({"on": (False, "Again.")})


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    with on_thread(signing_key=KEY) as running:
        yield running


class TestControlApi:
    def test_state_lists_people_and_services(self, sandbox: Sandbox) -> None:
        state = requests.get(f"{sandbox.base_url}/control/state", timeout=PATIENCE).json()
        assert state.keys() == SERVICES | {"people", "faults"}
        nora = next(person for person in state["people"] if person["handle"] == "nora")
        assert nora["discord_id"] == str(BY_HANDLE["nora"].discord_id)

    def test_every_fault_has_a_description(self, sandbox: Sandbox) -> None:
        faults = requests.get(f"{sandbox.base_url}/control/faults", timeout=PATIENCE).json()
        services = {"discord", "drand", "kick", "shuffle", "streamelements", "twitch"}
        assert {name.split(".")[0] for name in faults} == services
        for name, fault in faults.items():
            assert fault.keys() == {"value", "kind", "default", "help"}
            assert fault["value"] == fault["default"], name
            assert len(fault["help"]) > 15, name

    def test_faults_can_be_set_and_reset(self, sandbox: Sandbox) -> None:
        url = f"{sandbox.base_url}/control/faults"
        after = requests.post(url, json={"kick.webhook.drop": 3}, timeout=PATIENCE).json()
        assert after["kick.webhook.drop"]["value"] == 3
        after = requests.post(f"{url}/reset", timeout=PATIENCE).json()
        assert after["kick.webhook.drop"]["value"] == 0

    @pytest.mark.parametrize(
        ("body", "status"),
        [({"no.such": 1}, 404), ({"kick.webhook.drop": "many"}, 400), ([1], 400)],
    )
    def test_invalid_faults_are_rejected(self, sandbox: Sandbox, body: Any, status: int) -> None:
        answer = requests.post(f"{sandbox.base_url}/control/faults", json=body, timeout=PATIENCE)
        assert answer.status_code == status
        assert answer.json().keys() == {"error"}

    def test_change_feed_streams_events(self, sandbox: Sandbox) -> None:
        with requests.get(
            f"{sandbox.base_url}/control/events", stream=True, timeout=PATIENCE
        ) as feed:
            assert feed.headers["Content-Type"] == "text/event-stream"
            lines = feed.iter_lines(chunk_size=1)
            assert next(lines) == b": listening"
            requests.post(
                f"{sandbox.base_url}/control/kick/chat",
                json={"person": "mia", "text": "hello"},
                timeout=PATIENCE,
            )
            change = json.loads(next(line for line in lines if line.startswith(b"data: "))[6:])
        assert (change["area"], change["text"], change["sender"]) == (
            "kick.chat",
            "hello",
            "MadCats",
        )

    def test_control_page_is_served(self, sandbox: Sandbox) -> None:
        answer = requests.get(sandbox.page_url, timeout=PATIENCE)
        assert answer.status_code == 200
        assert answer.headers["Content-Type"].startswith("text/html")

    def test_shutdown_does_not_wait_for_listeners(self) -> None:
        with on_thread(signing_key=KEY) as running:
            feed = requests.get(f"{running.base_url}/control/events", stream=True, timeout=PATIENCE)
            began = time.monotonic()
        assert time.monotonic() - began < PATIENCE
        feed.close()


SERVICES = {"discord", "kick", "twitch", "shuffle", "streamelements"}

ENV = {
    "DISCORD_AUTHORIZE_URL",
    "DISCORD_CDN_URL",
    "DISCORD_CLIENT_ID",
    "DISCORD_CLIENT_SECRET",
    "DISCORD_API_URL", "DISCORD_TOKEN", "DISCORD_GUILD_ID", "KICK_API_URL", "KICK_AUTH_URL",
    "KICK_SITE_URL", "KICK_CLIENT_ID", "KICK_CLIENT_SECRET", "KICK_CHANNEL", "KICK_BOT_USER_TOKEN",
    "KICK_WEB_URL", "KICK_PUSHER_KEY", "KICK_PUSHER_CLUSTER", "KICK_PUSHER_HOST",
    "SLOT_CALLS_CHANNEL_ID", "RAFFLE_ANNOUNCEMENT_CHANNEL_ID", "DRAND_URL", "DRAND_CHAIN",
    "SHUFFLE_AFFILIATE_URL", "TWITCH_API_URL",
    "TWITCH_AUTH_URL",
    "TWITCH_CLIENT_ID",
    "TWITCH_CLIENT_SECRET",
    "TWITCH_EVENTSUB_WS_URL",
    "SHUFFLE_CAMPAIGN_CODE", "STREAMELEMENTS_API_URL", "STREAMELEMENTS_ASTRO_URL",
}  # fmt: skip


@contextmanager
def start(*arguments: str) -> Iterator[subprocess.Popen[str]]:
    """The program; it is gone when the test is over, however that went."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox", *arguments],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    with process:
        try:
            yield process
        finally:
            process.kill()


def ready(process: subprocess.Popen[str]) -> dict[str, Any]:
    assert process.stdout is not None
    return dict(json.loads(process.stdout.readline()))


class TestProgram:
    def test_ready_line_is_printed_and_sigterm_ends_it(self, tmp_path: Path) -> None:
        file = tmp_path / "ready.json"
        with start("--port", "0", "--ready-file", str(file)) as process:
            line = ready(process)
            assert line.keys() == {"port", "page_url", "env"}
            assert line["env"].keys() == ENV
            assert line["page_url"] == f"http://127.0.0.1:{line['port']}/"
            assert json.loads(file.read_text()) == line
            assert [each.name for each in tmp_path.iterdir()] == ["ready.json"]
            feed = requests.get(f"{line['page_url']}control/events", stream=True, timeout=PATIENCE)
            process.send_signal(signal.SIGTERM)
            assert process.wait(PATIENCE) == 0  # with a listener that stays
            feed.close()
            out, err = process.communicate()
            assert (out, err) == ("", "")

    def test_program_ends_when_stdin_closes(self) -> None:
        with start("--port", "0", "--exit-with-stdin") as process:
            ready(process)
            assert process.stdin is not None
            process.stdin.close()
            assert process.wait(PATIENCE) == 0

    def test_closed_stdin_is_ignored_by_default(self) -> None:
        with start("--port", "0") as process:
            line = ready(process)
            assert process.stdin is not None
            process.stdin.close()
            assert requests.get(f"{line['page_url']}control/faults", timeout=PATIENCE).ok
            process.terminate()
            assert process.wait(PATIENCE) == 0

    def test_taken_port_is_reported_in_one_sentence(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as taken:
            port = taken.getsockname()[1]
            with start("--port", str(port)) as process:
                _, err = process.communicate(timeout=PATIENCE)
        assert process.returncode == 2
        assert err == f"The sandbox cannot listen on port {port}: Address already in use.\n"

    def test_program_does_not_import_core(self) -> None:
        code = (
            "import sys, sandbox.__main__; "
            "print([name for name in sys.modules if name.split('.')[0] == 'core'])"
        )
        out = subprocess.run(
            [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
        )
        assert out.stdout == "[]\n"
