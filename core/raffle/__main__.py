"""`python -m core.raffle audit` proves that every balance is the sum of its entries."""

import sys

from sqlalchemy import Connection

from core.kit import audit_command
from core.raffle.ledger.store import count_ledger, list_drift


def audit(tx: Connection) -> bool:
    """Print what does not add up."""
    (entries, balances), drift = count_ledger(tx), list_drift(tx)
    read = f"(entries: {entries:,}, balances: {balances:,})"
    if not drift:
        print(f"Every balance is the sum of its entries {read}.")
        return True
    print(f"{len(drift):,} numbers are not the sum of their entries {read}:")
    for one in drift:
        print(
            f"  server {one.guild_id}, raffle #{one.period}, viewer {one.viewer_id}: "
            f"{one.what} is {one.cached:,}, the entries add up to {one.summed:,}"
        )
    return False


if __name__ == "__main__":
    sys.exit(audit_command.run("core.raffle", audit))
