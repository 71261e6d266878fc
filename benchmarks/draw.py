"""Freeze and draw among 100,000 holders of 10,000,000 tickets, and what checking that takes."""

import hashlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import TypeVar

from cryptography.fernet import Fernet
from sqlalchemy import Connection, text

from benchmarks.figures import Results
from core.drand.chain import QUICKNET, Round
from core.guilds import store as guilds
from core.guilds.actions import change_setting
from core.kit.database.connection import Database
from core.kit.database.records import THE_BOT
from core.kit.database.work import Work, run_in_guild
from core.kit.runtime.crypto import Vault
from core.raffle import actions as raffles
from core.raffle.actions import Config
from core.raffle.draw import actions, publishing
from core.raffle.rules import RaffleSettings
from tests.acting import act

GUILD = 1
HOLDERS = 100_000
TICKETS = 10_000_000
WINNERS = 3
ROUND = 657413
SIGNATURE = (
    "b713718a38ae728dfd477991af2822e08d2f305e47718cef9f7848ce4050e7be"
    "41076862b98fad56e91a6b85b89cd97b"
)
"""Quicknet's, as its documentation shows it: only the beacon can sign a round."""

END = QUICKNET.made_at(ROUND) - timedelta(seconds=300)
VERIFIER = Path(__file__).parents[1] / "docs" / "verify_draw.py"

T = TypeVar("T")

_VIEWERS = text("""
    INSERT INTO people_viewers
           (guild_id, platform, platform_user_id, name, folded_name, login, named_at)
    SELECT :guild, 'kick', n, 'viewer' || n, 'viewer' || n, '', :at
      FROM generate_series(1, :holders) AS n
""")
_LINKS = text("""
    INSERT INTO people_links (guild_id, discord_id, platform, viewer_id, linked_at)
    SELECT guild_id, platform_user_id, platform, viewer_id, :at FROM people_viewers
""")
_ENTRIES = text("""
    INSERT INTO raffle_entries (guild_id, period, viewer_id, source, amount, source_key, at)
    SELECT guild_id, :number, viewer_id, 'bonus',
           CASE WHEN platform_user_id % 2 = 0 THEN 1 ELSE 2 * :tickets / :holders - 1 END,
           'bonus:' || viewer_id, :at
      FROM people_viewers
""")
_BALANCES = text("""
    INSERT INTO raffle_balances (guild_id, period, viewer_id, tickets)
    SELECT guild_id, period, viewer_id, amount FROM raffle_entries
""")


_POST_FREEZE = text("""
    UPDATE outbox_messages SET state = 'sent', sent_at = :at, receipt = '{"message_id": 7}'
     WHERE kind = 'raffle.frozen'
""")


def run(database: Database) -> Results:
    """Give it its own database, with the schema: its holders are all viewers there are."""
    config = Config(Vault([Fernet.generate_key().decode()]), QUICKNET, "http://localhost:8080")
    with database.begin() as tx:
        number = _fill(tx, config)
    with database.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as lone:
        lone.execute(text("ANALYZE"))
    figures: Results = {}
    with database.begin() as tx:
        frozen = _timed(
            figures,
            "freeze_100k_s",
            lambda: run_in_guild(tx, GUILD, 1, END, actions.freeze, config, number),
        )
    assert (frozen.entrants, frozen.tickets) == (HOLDERS, TICKETS)
    assert frozen.round == ROUND
    randomness = hashlib.sha256(bytes.fromhex(SIGNATURE)).hexdigest()
    told = Round(frozen.chain or "", ROUND, randomness, SIGNATURE)
    later = END + timedelta(minutes=10)
    with database.begin() as tx:
        tx.execute(_POST_FREEZE, {"at": END})
        run_in_guild(tx, GUILD, THE_BOT, later, actions.store_round, config, number, told)
        _timed(
            figures,
            "draw_100k_s",
            lambda: run_in_guild(tx, GUILD, THE_BOT, later, actions.draw_winners, config, number),
        )
    with database.begin() as tx:
        made = _timed(
            figures,
            "draw_bundle_s",
            lambda: run_in_guild(tx, GUILD, THE_BOT, later, publishing.make_bundle, config, number),
        )
    figures["draw_bundle_mb"] = len(made) / 1e6
    _timed(figures, "draw_verifier_s", lambda: _verify(made))
    figures["freeze_and_draw_100k_s"] = figures["freeze_100k_s"] + figures["draw_100k_s"]
    return figures


def _verify(bundle: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "bundle.json"
        file.write_bytes(bundle)
        command = [sys.executable, str(VERIFIER), str(file)]
        done = subprocess.run(command, capture_output=True, check=False)
        assert done.returncode == 2, "all is right, but nobody has seen Discord or the beacon"


def _fill(tx: Connection, config: Config) -> int:
    guilds.set_guild(tx, GUILD, "A large server")
    act(tx, GUILD, change_setting, RaffleSettings.declared["channel"], 1)
    start = END - timedelta(days=30)
    settings = RaffleSettings(channel=1, log_channel=0, prize="A car", winners=WINNERS)
    with Work(tx, GUILD, now=start) as work:
        opened = raffles.open_period(work, config, start, END, settings)
    tx.execute(_VIEWERS, {"guild": GUILD, "holders": HOLDERS, "at": start})
    tx.execute(_LINKS, {"at": start})
    values = {"number": opened.number, "tickets": TICKETS, "holders": HOLDERS, "at": start}
    tx.execute(_ENTRIES, values)
    tx.execute(_BALANCES)
    return opened.number


def _timed(figures: Results, name: str, work: Callable[[], T]) -> T:
    start = time.perf_counter()
    result = work()
    figures[name] = time.perf_counter() - start
    return result
