"""Links change roles at once; refused roles are tried again once something has changed."""

from sqlalchemy import Connection

from core.events import AccountLinked, AccountUnlinked, RolesChanged
from core.roles import actions


def on_account_linked(tx: Connection, event: AccountLinked) -> None:
    """The minutes of the account are the member's from now on."""
    actions.look_again(tx, event.guild_id, event.discord_id)


def on_account_unlinked(tx: Connection, event: AccountUnlinked) -> None:
    """The minutes stay with the account, and what they brought goes."""
    actions.look_again(tx, event.guild_id, event.discord_id)


def on_roles_changed(tx: Connection, event: RolesChanged) -> None:
    """What Discord refused may work now."""
    actions.retry_refused(tx, event.guild_id)
