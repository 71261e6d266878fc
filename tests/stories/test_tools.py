"""`setup_database.py` and `health_check.py`: their output and exit codes."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox.kick.signing import SigningKey
from tests.stories.product import ROOT, Process, free_port
from tests.stories.stage import EMPTY, Stage, open_stage


@pytest.fixture
def stage(tmp_path: Path, postgres_url: str, signing_key: SigningKey) -> Iterator[Stage]:
    """With an empty database."""
    with open_stage(tmp_path, postgres_url, signing_key, copy_of=EMPTY) as opened:
        yield opened


def outcome(process: Process) -> tuple[int, str]:
    return process.wait(), process.log().strip()


def setting_up(stage: Stage, name: str) -> Process:
    return stage.start(str(ROOT / "setup_database.py"), name=name)


def test_setup_creates_database_once(stage: Stage) -> None:
    code, said = outcome(setting_up(stage, "first"))
    assert code == 0
    assert said.startswith("The database was created (version ")
    code, said = outcome(setting_up(stage, "second"))
    assert code == 0
    assert said.startswith("The database is up to date (version ")
    assert stage.scalar("SELECT count(*) FROM guilds") == 0


def test_simultaneous_setups_take_turns(stage: Stage) -> None:
    both = [setting_up(stage, name) for name in ("one", "other")]
    codes, words = zip(*map(outcome, both), strict=True)
    assert codes == (0, 0)
    assert sorted(said.split(" (")[0] for said in words) == [
        "The database is up to date",
        "The database was created",
    ]


def test_setup_creates_embedded_database_and_stops_it(tmp_path: Path) -> None:
    settings = {"DATA_DIR": str(tmp_path / "data")}
    process = Process(tmp_path, "built-in", (str(ROOT / "setup_database.py"),), settings)
    code, said = outcome(process)
    assert (code, said.split(" (")[0]) == (0, "The database was created")
    assert (tmp_path / "data" / "postgres" / "PG_VERSION").exists()
    assert not (tmp_path / "data" / "postgres" / "postmaster.pid").exists()


def asked(folder: Path, *arguments: str, **settings: str) -> tuple[int, str]:
    command = (str(ROOT / "health_check.py"), *arguments)
    return outcome(
        Process(folder, f"health_check_{len(list(folder.iterdir()))}", command, settings)
    )


def test_health_check_fails_when_nothing_answers(tmp_path: Path) -> None:
    port = free_port()
    code, said = asked(tmp_path, PORT=str(port))
    assert code == 1
    assert said.startswith(f"Nothing answers at http://127.0.0.1:{port}.")


def test_health_check_reports_invalid_port(tmp_path: Path) -> None:
    code, said = asked(tmp_path, PORT="eighty")
    assert code == 1
    assert "PORT" in said
    assert "Traceback" not in said


def test_health_check_rejects_another_program_on_the_port(stage: Stage, tmp_path: Path) -> None:
    code, said = asked(tmp_path, stage.kick.base_url)
    assert code == 1
    assert said.startswith("Nothing answers")


def test_health_check_describes_running_product(stage: Stage, tmp_path: Path) -> None:
    product = stage.start()
    product.wait_well()
    by_port = asked(tmp_path, PORT=str(product.port))
    by_address = asked(tmp_path, product.url)
    for code, said in (by_port, by_address):
        assert code == 0
        assert said.startswith(f"Regulars at {product.url}: ")
        assert "  ok    Database: Answering." in said
        assert "  warn  Kick webhooks: Nothing received yet." in said
