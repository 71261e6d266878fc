"""The built-in PostgreSQL: starts, is found again, ends with its owner."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import text

from core.kit.database import Database
from core.kit.embedded import EmbeddedPostgres
from core.kit.errors import Outage, StartError

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Not pytest's own folder: for root the server runs as another user, and every pytest that
    starts meanwhile closes that folder to others."""
    with TemporaryDirectory(prefix="regulars-test-") as folder:
        yield Path(folder) / "data"


def test_it_starts_keeps_what_was_written_and_ends(data_dir: Path) -> None:
    first = EmbeddedPostgres(data_dir)
    gate = Database(first.start())
    with gate.begin() as tx:
        tx.execute(text("CREATE TABLE kept (n int)"))
        tx.execute(text("INSERT INTO kept VALUES (7)"))

    # Nobody else may look into its folder.
    assert (data_dir / "postgres").stat().st_mode & 0o077 == 0

    # Somebody else of the same machine finds the running one.
    attached = Database(EmbeddedPostgres(data_dir).start())
    with attached.begin() as tx:
        assert tx.execute(text("SELECT n FROM kept")).scalar() == 7
    attached.close()
    gate.close()

    first.stop()
    first.stop()
    with pytest.raises(Outage):
        gate.check_address()

    again = EmbeddedPostgres(data_dir)
    gate = Database(again.start())
    with gate.begin() as tx:
        assert tx.execute(text("SELECT n FROM kept")).scalar() == 7
    gate.close()
    again.stop()


@pytest.mark.parametrize("name", ["my bot", "Nora's (new) & 100% bot; #2", "a,b", "long" * 25])
def test_the_folder_may_be_called_anything(name: str) -> None:
    with TemporaryDirectory(prefix="regulars-test-") as folder:
        server = EmbeddedPostgres(Path(folder) / name)
        gate = Database(server.start())
        with gate.begin() as tx:
            assert tx.execute(text("SELECT 7")).scalar() == 7
        gate.close()
        server.stop()


ANOTHER_USER = """
import os, pwd, sys, tempfile
from pathlib import Path
import core.kit.embedded_server
from core.kit.embedded import EmbeddedPostgres
tempfile.gettempdir()  # anything may ask for it before the server starts
if os.geteuid() == 0:  # only now: root's Python may be out of reach for others
    os.setgroups([])
    os.setuid(pwd.getpwnam("nobody").pw_uid)
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
server.stop()
"""


def test_users_of_one_machine_share_nothing() -> None:
    """What another user's server has left in the temporary folder is not ours to open."""
    with TemporaryDirectory(prefix="regulars-test-") as folder:
        Path(folder).chmod(0o777)
        taken = Path(folder) / "tmp"
        taken.mkdir()
        (taken / ".lockfile").touch(0o000)
        taken.chmod(0o1777)
        run = subprocess.run(
            [sys.executable, "-c", ANOTHER_USER, Path(folder) / "data"],
            cwd=ROOT,
            env={"TMPDIR": str(taken)},
            capture_output=True,
            text=True,
        )
        assert run.returncode == 0, run.stderr
        assert not [one for one in taken.iterdir() if one.name != ".lockfile"]


def test_what_keeps_it_from_starting_is_said_in_a_sentence(data_dir: Path) -> None:
    folder = data_dir / "postgres"
    folder.mkdir(parents=True)
    (folder / "PG_VERSION").write_text("9.1\n")  # of another program's database
    with pytest.raises(StartError, match="set DATABASE_URL"):
        EmbeddedPostgres(data_dir).start()


def test_stopping_what_never_started_is_no_error(data_dir: Path) -> None:
    EmbeddedPostgres(data_dir).stop()
