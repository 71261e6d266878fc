"""Starting, refusing to start, stopping; and the bot's recovery."""

import errno
import os
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from signal import SIGINT, SIGTERM

import psutil
import pytest
import requests

from combined_server import check_port
from core.kit.errors import StartError
from core.kit.runtime.settings import Settings
from sandbox.discord.driver import DiscordDriver
from sandbox.kick.driver import KickDriver
from tests.patience import PATIENCE, until
from tests.stories.product import ROOT, Process, Product, free_port
from tests.stories.stage import Stage, title
from tests.stories.stopwatch import Stopwatch
from tests.stories.webhooks import WebhookSender

PROMISED_SECONDS = 5.0
"""For a stop, and for a second start."""

SECRET = "hunter22-correct-horse"


# -- what keeps it from starting --------------------------------------------------------------


@pytest.fixture
def taken_port() -> Iterator[int]:
    with socket.socket() as other:
        other.bind(("0.0.0.0", 0))
        other.listen()
        yield int(other.getsockname()[1])


class OwnInterpreter(Process):
    """As people start it: with an interpreter of its own, which imports everything."""

    forks = False


def declined(folder: Path, program: str, kind: type[Process] = Process, /, **settings: str) -> str:
    """What the program says before it ends with exit code 1."""
    given = {"PORT": str(free_port()), "SANDBOX_PORT": "0", "DATA_DIR": "data", **settings}
    process = kind(folder, "declined", (str(ROOT / program),), given)
    assert process.wait() == 1, process.log()
    said = process.log().strip()
    assert "Traceback" not in said
    assert SECRET not in said
    assert len(said.splitlines()) <= 5, said
    assert process.children() == []
    return said


def test_start_fails_when_port_is_taken(tmp_path: Path, taken_port: int) -> None:
    said = declined(tmp_path, "combined_server.py", PORT=str(taken_port))
    assert f"Port {taken_port} cannot be used" in said
    assert "PORT=" in said


@pytest.mark.parametrize("program", ["combined_server.py", "bot.py"])
def test_start_fails_without_token_outside_sandbox(tmp_path: Path, program: str) -> None:
    said = declined(tmp_path, program, REGULARS_SANDBOX="0")
    assert "DISCORD_TOKEN is not set" in said
    assert "docs/deploy.md" in said


NOWHERE = f"postgresql://regulars:{SECRET}@127.0.0.1:1/regulars"


@pytest.mark.parametrize("program", ["combined_server.py", "bot.py", "setup_database.py"])
def test_start_fails_when_database_is_unreachable(tmp_path: Path, program: str) -> None:
    said = declined(tmp_path, program, DISCORD_TOKEN=SECRET, DATABASE_URL=NOWHERE)
    assert "The database cannot be reached" in said
    assert "DATABASE_URL" in said


@pytest.mark.parametrize(
    ("program", "url"),
    [
        ("combined_server.py", f"redis://:{SECRET}@127.0.0.1:1/0"),
        ("combined_server.py", f"http://{SECRET}"),
        ("bot.py", f"redis://:{SECRET}@127.0.0.1:1/0"),
    ],
)
def test_start_fails_when_redis_is_unreachable(tmp_path: Path, program: str, url: str) -> None:
    said = declined(tmp_path, program, DISCORD_TOKEN=SECRET, REDIS_URL=url)
    assert "REDIS_URL" in said


@pytest.mark.parametrize("host", ["192.0.2.7", "2001:db8::7", "no-such-host.invalid"])
def test_start_fails_on_a_host_of_another_computer(tmp_path: Path, host: str) -> None:
    said = declined(tmp_path, "combined_server.py", HOST=host)
    assert f"HOST={host} is not an address of this computer" in said
    assert "0.0.0.0" in said


def test_start_fails_on_a_port_for_root_only(monkeypatch: pytest.MonkeyPatch) -> None:
    def bind(_self: socket.socket, _address: object) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))

    monkeypatch.setattr(socket.socket, "bind", bind)
    with pytest.raises(StartError, match=r"PORT=80 is for root only .*above 1023"):
        check_port(Settings(_env_file=None, host="127.0.0.1", port=80))


def test_start_fails_on_an_unreadable_env_file(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(f"PORT=8080\nREDIS_URL=redis://:{SECRET}ü@x/0".encode("cp1252"))
    said = declined(tmp_path, "combined_server.py")
    assert said == "Line 2 of the file .env is not UTF-8; save the file as UTF-8."


@pytest.mark.skipif(not socket.has_dualstack_ipv6(), reason="this computer has no IPv6")
def test_product_listens_on_ipv6_and_ipv4(stage: Stage) -> None:
    product = stage.start(HOST="::")
    product.wait_answering()
    for host in ("[::1]", "127.0.0.1"):
        assert requests.get(f"http://{host}:{product.port}/livez", timeout=PATIENCE).text == "ok\n"
    check = stage.start(str(ROOT / "health_check.py"), name="health_check", HOST="::")
    assert "Regulars at http://[::1]" in (check.wait(), check.log())[1]


def test_start_reports_all_invalid_settings_at_once(tmp_path: Path) -> None:
    wrong = {
        "PORT": "eighty",
        "LOG_LEVEL": "LOUD",
        "KICK_API_URL": f"ftp://{SECRET}",
        "DISCORD_GUILD_ID": "Nora's Corner",
    }
    said = declined(tmp_path, "combined_server.py", OwnInterpreter, DISCORD_TOKEN=SECRET, **wrong)
    assert ".env.example" in said
    for name in wrong:
        assert name in said


@pytest.mark.parametrize(
    "url",
    [
        f"not an address {SECRET}",
        f"mysql://u:{SECRET}@127.0.0.1/x",
        f"postgresql://u:{SECRET}@127.0.0.1:many/x",
    ],
)
def test_start_fails_on_invalid_database_url(tmp_path: Path, url: str) -> None:
    said = declined(tmp_path, "combined_server.py", DISCORD_TOKEN=SECRET, DATABASE_URL=url)
    assert "DATABASE_URL" in said


@pytest.mark.parametrize("settings", [{}, {"FLASK_SECRET_KEY": SECRET}], ids=["", "with key"])
def test_start_fails_when_data_dir_is_a_file(tmp_path: Path, settings: dict[str, str]) -> None:
    (tmp_path / "data").write_text("I am a file.")
    said = declined(tmp_path, "combined_server.py", **settings)
    assert "DATA_DIR" in said


# -- the whole product, started as a user starts it -------------------------------------------


class WholeProduct(Product):
    """The product as `make run` starts it, with its own PostgreSQL and its own sandbox."""

    def __init__(self, folder: Path, *, forks: bool = True) -> None:
        self.forks = forks
        port = free_port()
        settings = {"PORT": str(port), "SANDBOX_PORT": "0", "DATA_DIR": str(folder / "data")}
        super().__init__(folder, "product", (str(ROOT / "combined_server.py"),), settings, port)
        self._folder = folder

    def family(self) -> list[psutil.Process]:
        """Itself, its children, its PostgreSQL (which is nobody's child)."""
        postmaster = self._folder / "data" / "postgres" / "postmaster.pid"
        pids = [self.pid, int(postmaster.read_text().split()[0])]
        return [*map(psutil.Process, pids), *self.children()]

    def page_url(self) -> str:
        """The sandbox's page, as printed at the start."""
        lines = [line for line in self.log().splitlines() if "Open  http" in line]
        return lines[-1].split()[1]  # the log begins with an earlier start


@pytest.fixture(autouse=True)
def nothing_is_left_running(tmp_path: Path) -> Iterator[None]:
    """Where a test fails, its product and that product's PostgreSQL would run on."""
    yield
    for process in psutil.process_iter():
        with suppress(psutil.Error):
            if str(tmp_path) in process.cwd():
                process.kill()


def _wait_gone(family: list[psutil.Process]) -> None:
    _gone, alive = psutil.wait_procs(family, timeout=PATIENCE)
    assert alive == []


def ends_in_time(product: WholeProduct, ask: Callable[[], None]) -> None:
    """It stops with exit code 0 within the promised time, and everybody with it."""
    family = product.family()
    assert len(family) >= 4, "itself, gunicorn's worker, PostgreSQL, the sandbox"
    watch = Stopwatch()
    ask()
    assert product.wait() == 0
    assert watch.seconds < PROMISED_SECONDS
    _wait_gone(family)
    with pytest.raises(requests.ConnectionError):
        requests.get(product.page_url(), timeout=PATIENCE)
    assert "Traceback" not in product.log()


def test_product_stops_and_starts_again(tmp_path: Path) -> None:
    product = WholeProduct(tmp_path, forks=False)
    product.wait_well()
    assert requests.get(product.page_url(), timeout=PATIENCE).ok
    age = delivered(product)
    DiscordDriver(product.page_url()).message("mia", "general", "Will I be here tomorrow?")
    ends_in_time(product, lambda: product.signal(SIGTERM))
    key = (tmp_path / "data" / "secret_key").read_text()

    again = quickest_start(tmp_path)
    again.wait_well()
    assert again.part("Kick webhooks")["age_seconds"] >= age
    said = DiscordDriver(again.page_url()).transcript("general")
    assert "Will I be here tomorrow?" in [line["content"] for line in said]
    assert (tmp_path / "data" / "secret_key").read_text() == key
    ends_in_time(again, lambda: again.signal_group(SIGINT))


def test_make_run_works_in_a_folder_with_spaces(tmp_path: Path) -> None:
    copy = tmp_path / "Nora's bot (new)"
    copy.mkdir()
    programs = "combined_server.py", "bot.py", "setup_database.py", "core", "sandbox", "docs"
    installed = "node_modules", "package-lock.json", "requirements.txt"
    for name in ("Makefile", ".ci", *installed, *programs):
        (copy / name).symlink_to(ROOT / name)
    (copy / ".venv").symlink_to(sys.prefix)
    port = free_port()
    settings = {"PORT": str(port), "SANDBOX_PORT": "0", "PYTHONPATH": str(copy)}
    product = Product(copy, "make", ("-c", RUN_MAKE), settings, port)
    product.wait_well()
    assert (copy / "data" / "postgres" / "PG_VERSION").exists()
    product.signal_group(SIGINT)
    assert product.wait() in (0, 2, -SIGINT), product.log()  # make itself counts as interrupted
    assert "Traceback" not in product.log()


RUN_MAKE = "import os; os.execvp('make', ['make', 'run'])"


def delivered(product: WholeProduct) -> float:
    """Let one line of chat come in; the age of the newest, which only its data can tell later."""
    kick = KickDriver(product.page_url())
    until(lambda: len(kick.state()["webhooks"]["subscriptions"]) >= 2, "subscriptions")
    kick.chat("mia", "hello")
    kick.close()
    return until(lambda: product.part("Kick webhooks").get("age_seconds"), "the line")


def quickest_start(folder: Path) -> WholeProduct:
    """The best of three counts."""
    took = []
    for _ in range(3):
        watch = Stopwatch()
        product = WholeProduct(folder, forks=False)
        product.wait_answering()
        took.append(watch.seconds)
        if took[-1] < PROMISED_SECONDS:
            return product
        product.stop()
    raise AssertionError(f"three starts took {took} s")


def test_repeated_ctrl_c_stops_cleanly(tmp_path: Path) -> None:
    """Pressed again and again, while there is work to do: everybody of the terminal gets each."""
    product = WholeProduct(tmp_path)
    product.wait_well()

    def ask() -> None:
        with suppress(ProcessLookupError):
            for _ in range(50):
                product.signal_group(SIGINT)
                time.sleep(0.005)

    with ThreadPoolExecutor(8) as visitors:
        gone = threading.Event()
        for _ in range(8):
            visitors.submit(_visit, product, gone)
        try:
            ends_in_time(product, ask)
        finally:
            gone.set()
    assert "SIGKILL" not in product.log()


def _visit(product: WholeProduct, gone: threading.Event) -> None:
    while not gone.is_set():
        with suppress(requests.RequestException):
            requests.get(f"{product.url}/health", timeout=1)


def test_next_start_takes_over_after_kill(tmp_path: Path) -> None:
    product = WholeProduct(tmp_path)
    product.wait_well()
    family = product.family()
    product.kill()  # its PostgreSQL lives on, for nobody was there to stop it
    again = WholeProduct(tmp_path)
    again.wait_well()
    family += again.family()
    assert again.stop() == 0
    _wait_gone(family)


def test_unfinished_client_does_not_delay_shutdown(stage: Stage) -> None:
    product = stage.start()
    product.wait_well()
    raw = b'{"half": '
    headers = {
        **WebhookSender(product.url, stage.key).headers(raw),
        "Host": "x",
        "Content-Length": "99",
    }
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.items())
    with socket.create_connection(("127.0.0.1", product.port)) as waiting:
        waiting.sendall(f"POST /webhooks/kick HTTP/1.1\r\n{lines}\r\n".encode() + raw)
        product.wait_answering()
        watch = Stopwatch()
        assert product.stop() == 0
        assert watch.seconds < PROMISED_SECONDS + 2


# -- Discord goes and comes -------------------------------------------------------------------


def bot_says(product: Product, words: str) -> None:
    until(lambda: words in product.part("Discord bot").get("reason", ""), words)


def test_rejected_discord_token_is_logged_without_the_token(stage: Stage) -> None:
    product = stage.start(DISCORD_TOKEN=SECRET)
    bot_says(product, "Discord rejected DISCORD_TOKEN")
    assert product.running
    assert SECRET not in product.log()
    assert product.stop() == 0


def test_disabled_intents_are_reported(stage: Stage) -> None:
    stage.discord.fault(gateway_refuse_intents=True)
    product = stage.start()
    bot_says(product, "Turn on Server Members Intent")
    assert product.running


def test_bot_reconnects_after_each_gateway_failure(stage: Stage) -> None:
    """Each way in which a gateway can fail, one after the other, with one product."""
    stage.discord.gateway("stop")
    product = stage.start()
    bot_says(product, "Discord cannot be reached")
    stage.kick.account("early", "EarlyBird")
    stage.wait_subscribed()
    stage.kick.chat("early", "!call While You Were Out")

    stage.discord.gateway("start")
    product.wait_well()
    stage.post_about("While You Were Out")

    for trouble in ("kill", "reconnect", "invalidate"):
        stage.discord.gateway(trouble)
        until(lambda: _answers(stage), f"an answer after {trouble}", 2 * PATIENCE)
    assert title({"embeds": [stage.asked("nora", "!slotcalls")]}) == "🟢 Slot requests are on"


def _answers(stage: Stage) -> bool:
    """Whether a command typed now is answered; one that was typed in between may be lost."""
    stage.discord.wait_connected()
    message_id = stage.discord.message("nora", "general", "!slotcalls")
    try:
        stage.discord.wait_for("general", lambda m: m["author"] == "bot", 2, after=message_id)
    except TimeoutError:
        return False
    return True
