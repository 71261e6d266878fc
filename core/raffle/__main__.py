"""`python -m core.raffle audit` checks that every balance is the sum of its entries and that
published data was not changed."""

import sys

from sqlalchemy import Connection

from core.kit import audit_command
from core.raffle.draw.store import list_altered, list_disabled_triggers
from core.raffle.ledger.store import count_ledger, list_drift


def audit(tx: Connection) -> bool:
    """Print wrong sums and changed data; returns whether there are none."""
    altered, disabled = list_altered(tx), list_disabled_triggers(tx)
    for row in altered:
        print(f"  server {row.guild_id}, raffle #{row.period}: {row.what}")
    for name in disabled:
        print(f"  the trigger {name} is switched off")
    return _is_sum(tx) and not altered and not disabled


def _is_sum(tx: Connection) -> bool:
    (entries, balances), drift = count_ledger(tx), list_drift(tx)
    read = f"(entries: {entries:,}, balances: {balances:,})"
    if not drift:
        print(f"Every balance is the sum of its entries {read}.")
        return True
    print(f"{len(drift):,} numbers are not the sum of their entries {read}:")
    for row in drift:
        print(
            f"  server {row.guild_id}, raffle #{row.period}, viewer {row.viewer_id}: "
            f"{row.what} is {row.cached:,}, the entries add up to {row.summed:,}"
        )
    return False


if __name__ == "__main__":
    sys.exit(audit_command.run("core.raffle", audit))
