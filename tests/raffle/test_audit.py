"""`python -m core.raffle audit`: whether every balance is the sum of its entries."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import text

from core.guilds import store as guilds
from core.kit.database.connection import Database
from tests.raffle.ledger.scene import HOUR, MIA, gives, link, watches
from tests.raffle.scene import MIDDLE, credit, period
from tests.stories.stage import fresh_database, migrated

ROOT = Path(__file__).parents[2]
GUILD = 1001


def audit(url: str, *arguments: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "core.raffle", *arguments],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_audit_reports_sums_that_differ(postgres_url: str) -> None:
    with fresh_database(postgres_url, copy_of=migrated(postgres_url)) as url:
        database = Database(url, pool_size=1)
        with database.begin() as tx:
            guilds.set_guild(tx, GUILD, "Nora's Corner")
            opened = period(tx, GUILD)
            mia = link(tx, GUILD, MIA)
            gives(tx, GUILD, MIA, 2)
            watches(tx, GUILD, MIA, MIDDLE, HOUR)
            credit(tx, opened, MIDDLE)
        done = audit(url, "audit")
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == "Every balance is the sum of its entries (entries: 3, balances: 1).\n"

        with database.begin() as tx:
            tx.execute(text("UPDATE raffle_balances SET tickets = tickets + 1"))
            tx.execute(text("DELETE FROM raffle_source_totals"))
        done = audit(url, "audit")
        assert done.returncode == 1
        place = f"  server {GUILD}, raffle #1, viewer {mia}: "
        assert done.stdout.splitlines()[1:] == [
            f"{place}balance is 41, the entries add up to 40",
            f"{place}gifted_sub is 0, the entries add up to 30",
            f"{place}watchtime is 0, the entries add up to 10",
        ]
        database.close()


def test_audit_fails_without_a_database() -> None:
    done = audit("postgresql://nobody@127.0.0.1:1/nothing", "audit")
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "the database is not answering" in done.stderr


@pytest.mark.parametrize("arguments", [(), ("fix",)])
def test_wrong_arguments_print_the_usage(arguments: tuple[str, ...]) -> None:
    done = audit("", *arguments)
    assert done.returncode == 2
    assert "audit" in done.stderr
