"""The command `python -m core.<package> audit`: compares balances with the sums of their entries.

The exit code is 0 if all balances are correct, 1 if not, 2 if the check could not run. It works on
DATABASE_URL, or on the built-in PostgreSQL under DATA_DIR, even while the product is running.
"""

import argparse
import sys
from collections.abc import Callable, Sequence

from sqlalchemy import Connection

from core.kit.database.connection import Database
from core.kit.errors import Outage, StartError
from core.kit.runtime.embedded import EmbeddedPostgres
from core.kit.runtime.settings import Settings, read_settings

ADDS_UP, DRIFTS, NOT_ASKED = range(3)


def run(
    package: str, audit: Callable[[Connection], bool], arguments: Sequence[str] | None = None
) -> int:
    """The exit code.

    Args:
        audit: prints its findings; returns whether all balances are correct.
    """
    parser = argparse.ArgumentParser(prog=f"python -m {package}", description=__doc__)
    parser.add_argument("what", choices=["audit"], help="compare every balance with its entries")
    parser.parse_args(arguments)
    try:
        return ADDS_UP if _ask(read_settings(), audit) else DRIFTS
    except (Outage, StartError) as trouble:
        print(trouble, file=sys.stderr)
        return NOT_ASKED


def _ask(settings: Settings, audit: Callable[[Connection], bool]) -> bool:
    embedded = None if settings.database_url else EmbeddedPostgres(settings.data_dir)
    url = settings.database_url.get_secret_value() if settings.database_url else ""
    database = Database(embedded.start() if embedded else url, pool_size=1)
    try:
        with database.begin() as tx:
            return audit(tx)
    finally:
        database.close()
        if embedded:
            embedded.stop()
