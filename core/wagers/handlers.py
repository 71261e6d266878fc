"""Who links or unlinks the account on Kick gains or loses the role of the accounts behind it."""

from sqlalchemy import Connection

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.wagers import role


def on_account_linked(tx: Connection, event: AccountLinked) -> None:
    """What is verified for the account on Kick is the member's from now on."""
    role.settle_viewer(tx, event.guild_id, event.viewer_id, event.at)


def on_account_unlinked(tx: Connection, event: AccountUnlinked) -> None:
    """What was counted stays with the account on Kick."""
    role.settle_viewer(tx, event.guild_id, event.viewer_id, event.at)


def on_roles_changed(tx: Connection, event: RolesChanged) -> None:
    """What Discord refused may work now."""
    role.retry_refused(tx, event.guild_id, event.at)
