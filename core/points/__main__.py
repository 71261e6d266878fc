"""`python -m core.points audit` checks that every balance is the sum of its entries, and that all
entries add up to zero."""

import sys

from sqlalchemy import Connection

from core.kit import audit_command
from core.points.store import count_ledger, list_drift


def audit(tx: Connection) -> bool:
    """Print the errors; returns True if there are none."""
    counted, drift = count_ledger(tx), list_drift(tx)
    read = f"(entries: {counted.entries:,}, balances: {counted.balances:,})"
    if not drift and counted.held == counted.given:
        print(f"Viewers hold {counted.held:,} points, and the ledger adds up to zero {read}.")
        return True
    print(f"{len(drift):,} totals differ from the sum of their entries {read}:")
    for row in drift:
        of = f", viewer {row.viewer_id}" if row.viewer_id else ""
        print(
            f"  server {row.guild_id}{of}: {row.what} is {row.cached:,}, the entries add up to "
            f"{row.summed:,}"
        )
    if counted.held != counted.given:
        print(f"  viewers hold {counted.held:,}, house accounts gave {counted.given:,}")
    return False


if __name__ == "__main__":
    sys.exit(audit_command.run("core.points", audit))
