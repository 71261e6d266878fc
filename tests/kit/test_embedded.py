"""The built-in PostgreSQL: it starts, can be re-attached to, and stops with its owner."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from sqlalchemy import text

from core.kit.database.connection import Database
from core.kit.errors import Outage, StartError
from core.kit.runtime.embedded import EmbeddedPostgres

ROOT = Path(__file__).parents[2]


@pytest.fixture
def data_dir() -> Iterator[Path]:
    """Not pytest's own folder: for root the server runs as another user, and every pytest that
    starts meanwhile closes that folder to others."""
    with TemporaryDirectory(prefix="regulars-test-") as folder:
        yield Path(folder) / "data"


def test_embedded_database_keeps_data_across_restart(data_dir: Path) -> None:
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
def test_data_folder_can_have_any_name(name: str) -> None:
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
import core.kit.runtime.embedded_server
from core.kit.runtime.embedded import EmbeddedPostgres
tempfile.gettempdir()  # anything may ask for it before the server starts
if os.geteuid() == 0:  # only now: root's Python may be out of reach for others
    os.setgroups([])
    os.setuid(pwd.getpwnam("nobody").pw_uid)
server = EmbeddedPostgres(Path(sys.argv[1]))
server.start()
server.stop()
"""


def test_users_of_one_machine_share_no_files() -> None:
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
        assert not [path for path in taken.iterdir() if path.name != ".lockfile"]


def test_start_failure_is_explained(data_dir: Path) -> None:
    good = EmbeddedPostgres(data_dir)
    good.start()
    good.stop()
    folder = data_dir / "postgres"
    ours = (folder / "PG_VERSION").read_text()
    (folder / "PG_VERSION").write_text("9.1\n")  # of another program's database
    with pytest.raises(StartError, match=r"initialized by PostgreSQL version 9\.1.*DATABASE_URL"):
        EmbeddedPostgres(data_dir).start()
    (folder / "PG_VERSION").write_text(ours)

    for segment in (folder / "pg_wal").glob("0*"):
        segment.unlink()
    with pytest.raises(StartError, match="could not locate a valid checkpoint record"):
        EmbeddedPostgres(data_dir).start()


LOG = """\
2026-11-22 20:58:41.353 UTC [10162] LOG:  starting PostgreSQL 18.4 on x86_64-pc-linux-gnu, 64-bit
2026-11-22 20:58:41.613 UTC [10184] LOG:  database system was shut down at 2026-11-22 20:58:41 UTC
2026-11-22 20:58:41.862 UTC [10187] FATAL:  the database system is starting up
{cause}\
2026-11-22 20:58:45.631 UTC [10262] FATAL:  the database system is not yet accepting connections
2026-11-22 20:58:45.631 UTC [10262] DETAIL:  Consistent recovery state has not been yet reached.
2026-11-22 20:58:45.632 UTC [10178] LOG:  startup process (PID 10184) exited with exit code 1
2026-11-22 20:58:45.632 UTC [10178] LOG:  terminating any other active server processes
2026-11-22 20:58:45.632 UTC [10263] FATAL:  terminating connection due to administrator command
2026-11-22 20:58:45.633 UTC [10178] LOG:  shutting down due to startup process failure
2026-11-22 20:58:45.634 UTC [10264] FATAL:  the database system is shutting down
2026-11-22 20:58:45.636 UTC [10178] LOG:  database system is shut down
"""
"""As PostgreSQL writes it while clients knock."""


@pytest.mark.parametrize(
    ("cause", "found"),
    [
        ("", ""),
        (
            "2026-11-22 20:58:45.631 UTC [10184] FATAL:  recovery ended before configured recovery "
            "target was reached\n",
            "recovery ended before configured recovery target was reached",
        ),
        (
            '2026-11-22 20:58:45.630 UTC [10184] PANIC:  could not write to file "pg_wal/xlogtemp"'
            ": No space left on device\n",
            'could not write to file "pg_wal/xlogtemp": No space left on device',
        ),
        (
            "2026-11-22 20:58:45.630 UTC [10178] FATAL:  could not map anonymous shared memory: "
            "Cannot allocate memory\n2026-11-22 20:58:45.630 UTC [10178] HINT:  Reduce the "
            "request.\n",
            "could not map anonymous shared memory: Cannot allocate memory. Reduce the request",
        ),
    ],
    ids=["none", "fatal", "full disk", "hint"],
)
def test_rejected_clients_are_not_reported_as_start_failure(cause: str, found: str) -> None:
    log = LOG.format(cause=cause)
    program = (
        "import sys, core.kit.runtime.embedded_server as s; print(s.failure_in(sys.stdin.read()))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        cwd=ROOT,
        input=log,
        capture_output=True,
        text=True,
        check=True,
    )
    assert run.stdout.strip() == found


def test_stop_without_start_is_no_error(data_dir: Path) -> None:
    EmbeddedPostgres(data_dir).stop()
