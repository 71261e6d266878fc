"""Proves that the ledger adds up: every balance is the sum of its entries, and what viewers hold is
what house accounts gave.

    python -m core.points audit

The exit code is 0 when all of it adds up, 1 when something does not, 2 when it could not be asked.
It works on DATABASE_URL, or on the built-in PostgreSQL under DATA_DIR, also while the product runs.
"""

import argparse
import sys
from collections.abc import Sequence

from core.kit.database import Database
from core.kit.embedded import EmbeddedPostgres
from core.kit.errors import Outage, StartError
from core.kit.settings import Settings, read_settings
from core.points.store import count_ledger, list_drift

ADDS_UP, DRIFTS, NOT_ASKED = range(3)


def audit(settings: Settings) -> int:
    """Print what does not add up, and return the exit code."""
    embedded = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    database = Database(embedded.start() if embedded else url, pool_size=1)
    try:
        with database.begin() as tx:
            counted = count_ledger(tx)
            drift = list_drift(tx)
    finally:
        database.close()
        if embedded:
            embedded.stop()
    read = f"(entries: {counted.entries:,}, balances: {counted.balances:,})"
    if not drift and counted.held == counted.given:
        print(f"Viewers hold {counted.held:,} points, and the ledger adds up to zero {read}.")
        return ADDS_UP
    print(f"{len(drift):,} numbers are not the sum of their entries {read}:")
    for one in drift:
        of = f", viewer {one.viewer_id}" if one.viewer_id else ""
        print(
            f"  server {one.guild_id}{of}: {one.what} is {one.cached:,}, the entries add up to "
            f"{one.summed:,}"
        )
    if counted.held != counted.given:
        print(f"  viewers hold {counted.held:,}, house accounts gave {counted.given:,}")
    return DRIFTS


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m core.points", description=__doc__)
    parser.add_argument("what", choices=["audit"], help="compare every balance with its entries")
    parser.parse_args(arguments)
    try:
        return audit(read_settings())
    except (Outage, StartError) as trouble:
        print(trouble, file=sys.stderr)
        return NOT_ASKED


if __name__ == "__main__":
    sys.exit(main())
