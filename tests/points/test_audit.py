"""`python -m core.points audit`."""

import os
import subprocess
import sys
from pathlib import Path

from sqlalchemy import text

from core.guilds import store as guilds
from core.kit.database.connection import Database
from tests.conftest import GUILD
from tests.points.scene import MIA, PointsGuild
from tests.stories.stage import fresh_database, migrated

ROOT = Path(__file__).parents[2]


def audit(url: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, "-m", "core.points", "audit"],
        cwd=ROOT,
        env={"PATH": os.environ["PATH"], "DATABASE_URL": url},
        capture_output=True,
        text=True,
        check=False,
    )


def test_audit_reports_what_does_not_add_up(postgres_url: str) -> None:
    with fresh_database(postgres_url, copy_of=migrated(postgres_url)) as url:
        database = Database(url, pool_size=1)
        with database.begin() as tx:
            guilds.set_guild(tx, GUILD, "Nora's Corner")
            guild = PointsGuild(tx, GUILD)
            guild.set()
            mia = guild.viewer(MIA)
            guild.give(mia, 70)
        done = audit(url)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == (
            "Viewers hold 70 points, and the ledger adds up to zero (entries: 1, balances: 1).\n"
        )
        with database.begin() as tx:
            tx.execute(text("UPDATE points_balances SET points = points + 1"))
            tx.execute(text("DELETE FROM points_flows"))
        done = audit(url)
        database.close()
    assert done.returncode == 1
    assert f"viewer {mia}: balance of earned is 71, the entries add up to 70" in done.stdout
    assert "house account test is 0, the entries add up to 70" in done.stdout
    assert "viewers hold 71, house accounts gave 0" in done.stdout
