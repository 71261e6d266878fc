"""A real PgBouncer between us and PostgreSQL, in each of its modes."""

import os
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory
from urllib.parse import quote

import psycopg2
import pytest
from sqlalchemy import make_url

from core.kit.database.connection import Database
from core.kit.errors import StartError
from core.kit.runtime.settings import Settings
from setup_database import set_up
from tests.patience import until
from tests.ports import free_port
from tests.prerequisites import find_pgbouncer
from tests.stories.stage import fresh_database

pytestmark = pytest.mark.pgbouncer

Pooled = Callable[[str], str]


@pytest.fixture
def pooled(postgres_url: str) -> Iterator[Pooled]:
    """`pooled(mode)`: the address of an empty database, behind a pooler in this mode."""
    with ExitStack() as stack:
        address = make_url(stack.enter_context(fresh_database(postgres_url)))

        def start(mode: str) -> str:
            folder = Path(stack.enter_context(TemporaryDirectory(prefix="regulars-test-")))
            folder.chmod(0o755)
            port, host = free_port(), str(address.host or address.query["host"])
            (folder / "pooler.ini").write_text(
                f"[databases]\n* = host={host} user=postgres\n[pgbouncer]\n"
                f"listen_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\n"
                f"auth_type = any\npool_mode = {mode}\n"
            )
            # It declines to run as root, and only PostgreSQL's user may use its socket.
            owner = ("-u", Path(host).owner()) if os.geteuid() == 0 else ()
            command = [str(find_pgbouncer()), "-q", *owner, str(folder / "pooler.ini")]
            process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
            stack.callback(process.wait)
            stack.callback(process.kill)
            url = f"postgresql://anybody@127.0.0.1:{port}/{quote(str(address.database))}"
            until(lambda: _answers(url), "PgBouncer")
            return url

        yield start


def _answers(url: str) -> bool:
    try:
        psycopg2.connect(url).close()
    except psycopg2.OperationalError:
        return False
    return True


@pytest.mark.parametrize("mode", ["transaction", "statement"])
def test_start_behind_a_pooler_in_transaction_mode_says_what_to_do(
    pooled: Pooled, mode: str
) -> None:
    url = pooled(mode)
    with pytest.raises(StartError) as caught:
        set_up(Settings(_env_file=None, database_url=url))
    said = str(caught.value)
    assert "DATABASE_URL" in said
    assert "pool_mode = session" in said
    assert "\n" not in said
    if mode == "transaction":  # whatever else it serves at the same time
        with ExitStack() as stack:
            for _other in range(3):
                stack.enter_context(Database(url).begin())
            with pytest.raises(StartError):
                Database(url).check_address()


def test_pooler_in_session_mode_works(pooled: Pooled) -> None:
    url = pooled("session")
    assert "created" in set_up(Settings(_env_file=None, database_url=url))
    database = Database(url)
    database.check_address()
    with database.only_one("tests") as ours, database.only_one("tests") as theirs:
        assert (ours, theirs) == (True, False)
    database.close()
